// Loaded before the page is drawn: what a person does before the other scripts are there is kept, and done then.
// It ends with `Early.release()` in `mes.js`. Until then no form but a plain search is sent either.
"use strict";
const Early = (() => {
  const held = [];
  function hold(event, again) { event.preventDefault(); event.stopImmediatePropagation(); held.push(again); }
  const hears = {
    click(event) {
      const button = event.target.closest("button[type=button]");
      if (button) hold(event, () => button.click());
    },
    submit(event) { // sent by the browser itself, a password would stand in the address
      const form = event.target, by = event.submitter;
      if (form.getAttribute("method") !== "get") hold(event, () => form.requestSubmit(by));
    },
    keydown(event) { // the keys of the help, such as that of the cord
      const { target, key, ctrlKey, metaKey, altKey } = event;
      if (key.length === 1) held.push(() => target.dispatchEvent(new KeyboardEvent("keydown", { key, ctrlKey, metaKey, altKey, bubbles: true, cancelable: true })));
    },
    input: typed,
    change: typed,
  };
  function typed({ target, type }) { held.push(() => target.dispatchEvent(new Event(type, { bubbles: true }))); }
  for (const [name, hear] of Object.entries(hears)) addEventListener(name, hear, true);
  function release() {
    for (const [name, hear] of Object.entries(hears)) removeEventListener(name, hear, true);
    for (const again of held.splice(0)) again();
  }
  return { release };
})();
