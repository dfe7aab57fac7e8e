// <form data-autosave>: what is typed is saved as a draft some seconds after the last key; the buttons do the same
// without script. The server refuses to overwrite what another window saved: then the words say so and saving stops.
const WAIT = 5000;
const LONGEST = 60000;

for (const form of document.querySelectorAll("form[data-autosave]")) {
  const words = form.querySelector("[data-autosave-words]");
  const version = form.elements.namedItem("seen_version");
  let timer;
  let saving = false;
  let isOver = false;
  let pressed;

  const say = (text, isBad) => {
    words.textContent = text;
    words.toggleAttribute("data-is-bad", isBad);
  };

  const save = async () => {
    if (isOver) return;
    if (saving) {
      timer = setTimeout(save, WAIT);
      return;
    }
    saving = true;
    try {
      const response = await fetch(form.action, {
        method: "POST",
        body: new FormData(form),
        headers: { "X-Saved-By-Script": "1" },
        redirect: "error",
        signal: AbortSignal.timeout(LONGEST),
      });
      const answer = await response.json();
      if (response.ok) version.value = answer.version;
      else isOver = true;
      say(answer.words, !response.ok);
    } catch {
      // No line, or the session has ended: the next change tries again, and the button says what is wrong.
      say(words.dataset.autosaveWords || words.textContent, true);
    } finally {
      saving = false;
      if (pressed) form.requestSubmit(pressed);
    }
  };

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(save, WAIT);
  });
  form.addEventListener("submit", (event) => {
    clearTimeout(timer);
    isOver = true;
    if (!saving) return;
    // What is on its way changes the version: sent beside it, the form would seem to be of another window.
    event.preventDefault();
    pressed = event.submitter;
    pressed.setAttribute("aria-busy", "true");
  });
  // Coming back by the browser's history.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    isOver = false;
    pressed = undefined;
  });
}
