// Loaded before the page is drawn: what a person does before the other scripts are there is kept, and done then.
// It ends with `Early.release()` in `mes.js`. Until then no form but a plain search is sent either.
"use strict";
const Early = (() => {
  const held = new Map(); // what was pressed or sent, each once: who presses again because nothing happened means one
  function keep(what, again) { if (!held.has(what)) held.set(what, again); }
  function hold(event, what, again) { event.preventDefault(); event.stopImmediatePropagation(); keep(what, again); }
  const hears = {
    click(event) {
      const button = event.target.closest("button[type=button]");
      if (button) hold(event, button, () => button.click());
    },
    submit(event) { // sent by the browser itself, a password would stand in the address
      const form = event.target, by = event.submitter;
      if (form.getAttribute("method") !== "get") hold(event, form, () => form.requestSubmit(by));
    },
    keydown(event) { // the keys of the help, such as that of the cord
      const { target, key } = event;
      if (key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) return;
      if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.nodeName)) return; // a password is kept nowhere
      keep(key, () => target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })));
    },
    input: typed,
    change: typed,
  };
  function typed({ target, type }) { keep(Symbol(type), () => target.dispatchEvent(new Event(type, { bubbles: true }))); }
  for (const [name, hear] of Object.entries(hears)) addEventListener(name, hear, true);
  function release() {
    for (const [name, hear] of Object.entries(hears)) removeEventListener(name, hear, true);
    const every = [...held.values()];
    held.clear();
    for (const again of every) again();
  }
  return { release };
})();
