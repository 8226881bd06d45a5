/* What a page is asked about its looks, elements in shadow roots included. `test_looks.py` puts it into each page. */
window.kaltalkLooks = (() => {
  const all = (root) => [...root.querySelectorAll("*")].flatMap((e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])]);
  const named = (elements) => elements.map((e) => e.outerHTML.slice(0, 120));
  const excess = (direction) => {
    const page = document.documentElement;
    return page[`scroll${direction}`] - page[`client${direction}`];
  };

  const isMoving = ({ transitionDuration, animationName }) => transitionDuration !== "0s" || animationName !== "none";
  const moving = () => named(all(document).filter((e) => isMoving(getComputedStyle(e))));

  // Of a group of radio buttons Tab goes to one.
  const isControl = (e) => e.matches("a[href], button, input, textarea, summary, [tabindex='0']") && !e.disabled;
  const isHere = (e) => e.checkVisibility({ visibilityProperty: true }) && (e.type !== "radio" || e.checked);
  let controls = [];
  const shown = new Set();
  const note = ({ target }) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(target);
    if (outlineStyle === "solid" && parseFloat(outlineWidth) >= 2) shown.add(target);
  };
  const listen = () => {
    controls = all(document).filter((e) => isControl(e) && isHere(e));
    for (const root of [document, ...all(document).map((e) => e.shadowRoot)]) root?.addEventListener("focusin", note);
    document.activeElement.blur();
    return controls.length;
  };
  const unseen = () => named(controls.filter((e) => !shown.has(e)));

  // The columns of the inbox scroll, each by itself; the page around them does not.
  const tooLong = () => (document.querySelector("body.inbox") ? excess("Height") : 0);
  return { tooLong, tooWide: () => excess("Width"), moving, listen, unseen };
})();
