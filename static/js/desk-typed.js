// <form data-typed="address">: what is being typed is kept at that address a moment after the last key, for its author alone.
const WAIT = 1500;

for (const form of document.querySelectorAll("form[data-typed]")) {
  const words = form.querySelector("[data-typed-words]");
  let timer;
  let underWay;

  const keep = async () => {
    clearTimeout(timer);
    timer = undefined;
    underWay?.abort();
    const mine = (underWay = new AbortController());
    try {
      const answer = await fetch(form.dataset.typed, {
        method: "POST",
        body: new FormData(form),
        headers: { Accept: "application/json" },
        redirect: "error",
        keepalive: true,
        signal: mine.signal,
      });
      if (!answer.ok) throw new Error(answer.statusText);
      words.textContent = (await answer.json()).words;
    } catch {
      if (!mine.signal.aborted) words.textContent = words.dataset.failed;
    }
  };

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(keep, WAIT);
  });
  // What is sent needs no keeping.
  form.addEventListener("submit", () => {
    clearTimeout(timer);
    timer = undefined;
    underWay?.abort();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && timer) keep();
  });
}
