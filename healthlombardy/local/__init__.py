"""Everything one computer needs to run and test the portal: embedded servers and the processes around them."""
