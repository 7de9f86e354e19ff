// Elements. All text is inserted as text, and invisible characters are made visible: names in a
// record are not to be trusted.

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

// setText sets a node's text if it differs.
export function setText(node, text) {
  const seen = visible(text);
  if (node.textContent !== seen) node.textContent = seen;
}

// setData sets a data attribute if it differs, or removes it.
export function setData(node, name, value) {
  if (value === null || value === undefined || value === '') {
    if (name in node.dataset) delete node.dataset[name];
  } else if (node.dataset[name] !== String(value)) node.dataset[name] = value;
}

// patch makes a node like another and leaves alone what is already alike, so that open folds, focus
// and selection survive. It matches children with the same data-key, and the others in order.
export function patch(node, like) {
  if (node.nodeType === Node.TEXT_NODE) {
    if (node.data !== like.data) node.data = like.data;
    return;
  }
  for (const { name, value } of like.attributes) if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  for (const { name } of [...node.attributes]) if (name !== 'open' && !like.hasAttribute(name)) node.removeAttribute(name);
  node.moment = like.moment;
  const had = named(node.childNodes);
  const wanted = named(like.childNodes);
  for (const [name, child] of had) if (!wanted.has(name)) child.remove();
  let at = node.firstChild;
  for (const [name, child] of wanted) {
    const old = had.get(name);
    if (old) patch(old, child);
    if (old && old === at) at = at.nextSibling;
    else node.insertBefore(old ?? child, at);
  }
}

// named maps nodes by the keys under which patch matches them.
function named(nodes) {
  const found = new Map();
  const met = new Map();
  for (const node of nodes) {
    const kind = `${node.nodeName} ${node.dataset?.key ?? ''}`;
    met.set(kind, (met.get(kind) ?? 0) + 1);
    found.set(`${kind} ${met.get(kind)}`, node);
  }
  return found;
}
