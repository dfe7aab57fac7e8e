// <ol data-queue>: arrows, J and K move from case to case. The keys work only while the queue has the focus (WCAG 2.1.4).
for (const queue of document.querySelectorAll("[data-queue]")) {
  const cases = [...queue.querySelectorAll("[data-case]")];
  const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };

  queue.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = cases.indexOf(document.activeElement);
    let next;
    if (event.key === "Home") next = cases[0];
    else if (event.key === "End") next = cases.at(-1);
    else next = cases[at + (steps[event.key] ?? NaN)];
    if (at < 0 || !next) return;
    event.preventDefault();
    next.focus();
  });

  queue.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
}
