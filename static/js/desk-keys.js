// [data-key="m"]: one key leads to it, once the reader has switched that on (WCAG 2.1.4); never while somebody types.
// A link is followed, everything else takes the focus: no key sends a form.
const NAME = "desk-keys";
const TYPING = "input, textarea, select, [contenteditable]";
const targets = [...document.querySelectorAll("[data-key]")];

const isOn = () => {
  try {
    return localStorage.getItem(NAME) === "on";
  } catch {
    return false;
  }
};

const say = (on) => {
  for (const target of targets) {
    if (on) target.setAttribute("aria-keyshortcuts", target.dataset.key);
    else target.removeAttribute("aria-keyshortcuts");
  }
};

for (const box of document.querySelectorAll("[data-keys-switch]")) {
  box.closest("[hidden]").hidden = false;
  box.checked = isOn();
  box.addEventListener("change", () => {
    try {
      localStorage.setItem(NAME, box.checked ? "on" : "off");
    } catch {
      box.checked = false;
    }
    say(isOn());
  });
}
say(isOn());

document.addEventListener("keydown", (event) => {
  if (!isOn() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.(TYPING)) return;
  const target = targets.find((each) => each.dataset.key === event.key.toLowerCase() && each.getClientRects().length);
  if (!target) return;
  event.preventDefault();
  if (target.matches("a[href]:not([data-case])")) target.click();
  else target.focus();
});
