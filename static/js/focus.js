// [data-focus]: what must be read first (the summary of errors) takes the focus when the page opens.
document.querySelector("[data-focus]")?.focus();
