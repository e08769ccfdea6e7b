// The only place where elements are made. What an order says is set as text and never as markup.

/** An element: `h("a", { href: "/", class: "quiet" }, "text", other)`. A property that is a function listens. */
export function h(tag, properties = {}, ...children) {
  return dress(document.createElement(tag), properties, children);
}

/** The same of SVG. */
export function svg(tag, properties = {}, ...children) {
  return dress(document.createElementNS('http://www.w3.org/2000/svg', tag), properties, children);
}

function dress(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** The element of that id, which the page has. */
export const the = (id) => document.getElementById(id);

/** Calls `work` soon, once for all calls until then, and at most once in `pause` milliseconds. */
export function throttled(pause, work) {
  let timer = null;
  let last = -Infinity;
  return () => {
    timer ??= setTimeout(
      () => {
        timer = null;
        last = performance.now();
        work();
      },
      Math.max(0, last + pause - performance.now()),
    );
  };
}

/** Says something to those who hear the page, without a word lost when several things come at once. */
export function announcer(element, pause = 1500) {
  let lines = [];
  const say = throttled(pause, () => {
    element.textContent =
      lines.length > 3 ? `${lines.length} deliveries. Last: ${lines.at(-1)}` : lines.join(' ');
    lines = [];
  });
  return (line) => {
    lines.push(line);
    say();
  };
}

/** Has a `<select>` offer these vendors, and perhaps all of them. */
export function offerVendors(select, names, chosen, offersAll) {
  const wanted = offersAll ? ['', ...names] : names;
  const old = [...select.options].map(({ value }) => value);
  // Somebody may be choosing.
  if (JSON.stringify(wanted) !== JSON.stringify(old)) {
    select.replaceChildren(
      ...wanted.map((name) => h('option', { value: name }, name || 'All vendors')),
    );
  }
  select.value = chosen;
}
