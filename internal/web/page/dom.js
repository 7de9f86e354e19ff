// Elements. Every text goes in as text, and what cannot be seen is made visible:
// names in a record are not to be trusted.

const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

// visible writes control and bidirectional characters as escapes.
export function visible(text) {
  return String(text).replace(unseen, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : visible(value));
  }
  for (const child of children.flat()) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : visible(child));
  }
  return node;
}

// element makes an HTML element; attributes named on… are listeners.
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

// drawing makes an SVG element.
export function drawing(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

// setText changes a text if it is another one.
export function setText(node, text) {
  const seen = visible(text);
  if (node.textContent !== seen) node.textContent = seen;
}

// setData changes a data attribute, or takes it away.
export function setData(node, name, value) {
  if (value === null || value === undefined || value === '') {
    if (name in node.dataset) delete node.dataset[name];
  } else if (node.dataset[name] !== String(value)) node.dataset[name] = value;
}
