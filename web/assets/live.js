// The live page: asks the agent for the last minutes and gives them to the flame graph (profile/assets/flame.js).
// The range and the process stand in the address's fragment, so that a view can be bookmarked.
"use strict";
(() => {
  const PERIOD = 5000;
  const $ = (id) => document.getElementById(id);
  const fragment = new URLSearchParams(location.hash.slice(1));
  const view = {minutes: fragment.get("minutes") || "5", process: fragment.get("process") || ""};
  let page = null, etag = null, busy = null;

  function query() {
    return new URLSearchParams(view.process ? view : {minutes: view.minutes}).toString();
  }

  function say(text, bad) {
    $("status").textContent = text;
    $("status").classList.toggle("bad", !!bad);
  }

  function show() {
    for (const button of document.querySelectorAll("[data-minutes]")) {
      button.setAttribute("aria-pressed", button.dataset.minutes === view.minutes);
    }
    $("download").href = `api/profile.pb.gz?${query()}`;
    history.replaceState(null, "", `#${query()}`);
  }

  async function get(path) {
    const answer = await fetch(`${path}?${query()}`, {signal: busy.signal});
    if (!answer.ok) throw new Error((await answer.text()).trim() || `HTTP ${answer.status}`);
    return answer;
  }

  function listProcesses(list) {
    const names = list.map((p) => p.process);
    if (view.process && !names.includes(view.process)) names.unshift(view.process);
    const options = ["", ...names].map((name) => {
      const option = document.createElement("option");
      option.value = name;
      option.textContent = name || "All processes";
      option.selected = name === view.process;
      return option;
    });
    if (document.activeElement !== $("process")) $("process").replaceChildren(...options);
  }

  async function refresh() {
    if (busy) busy.abort();
    const mine = busy = new AbortController();
    try {
      const answer = await get("api/flame");
      const tag = `${answer.headers.get("ETag")} ${query()}`;
      if (tag !== etag) {
        const data = await answer.json();
        if (page) page.update(data);
        else page = StokerFlame.mount($("flame"), data);
        etag = tag;
      }
      listProcesses(await (await get("api/processes")).json());
      say(`as of ${new Date().toLocaleTimeString()}`);
    } catch (error) {
      if (error.name !== "AbortError") say(`no answer from the agent: ${error.message}`, true);
    } finally {
      if (busy === mine) busy = null;
    }
  }

  // A new profile would throw away the zoom that somebody looks at.
  function tick() {
    if (!$("auto").checked || document.hidden || busy) return;
    if (page && page.zoom > 0) say("paused while zoomed in");
    else refresh();
  }

  for (const button of document.querySelectorAll("[data-minutes]")) {
    button.addEventListener("click", () => { view.minutes = button.dataset.minutes; show(); refresh(); });
  }
  $("process").addEventListener("change", () => { view.process = $("process").value; show(); refresh(); });
  $("now").addEventListener("click", () => { etag = null; refresh(); });
  show();
  refresh();
  setInterval(tick, PERIOD);
})();
