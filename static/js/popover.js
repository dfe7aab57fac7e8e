// <details data-popover>: one open at a time; Escape or a click elsewhere closes it.
const popovers = document.querySelectorAll("details[data-popover]");

const close = (except) => {
  for (const popover of popovers) {
    if (popover !== except) popover.open = false;
  }
};

if (popovers.length) {
  document.addEventListener("click", (event) => close(event.target.closest("details[data-popover]")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details[data-popover][open]");
    if (!open) return;
    open.open = false;
    open.querySelector("summary").focus();
  });
}
