// Parts of forms.
import { element, setText } from './dom.js';
import { say } from './say.js';

let last = 0;

// field makes a label with its control: {node, control, label}.
export function field(control, attributes = {}) {
  control.id ||= `field-${++last}`;
  const label = element('label', { for: control.id });
  return { node: element('div', { class: 'field', ...attributes }, label, control), control, label };
}

// choices fills a select with options, [value, words], and keeps the selection.
export function choices(select, options) {
  const known = JSON.stringify(options);
  if (select.dataset.known === known) return;
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, words]) => element('option', { value }, words)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
  select.dataset.known = known;
}

// button makes a button for something that takes a moment. It ignores a second press meanwhile.
export function button(does, attributes = {}) {
  const node = element('button', { type: 'button', ...attributes, onclick: async () => {
    if (node.getAttribute('aria-busy')) return;
    node.setAttribute('aria-busy', 'true');
    await does();
    node.removeAttribute('aria-busy');
  } });
  return node;
}

// form makes a form that does something instead of navigating.
export function form(does, ...children) {
  const node = element('form', { onsubmit: async (event) => {
    event.preventDefault();
    if (node.getAttribute('aria-busy')) return;
    node.setAttribute('aria-busy', 'true');
    await does();
    node.removeAttribute('aria-busy');
  } }, children);
  return node;
}

// panel makes a part of the controls with a heading: {node, title}.
export function panel(name, ...children) {
  const title = element('h2', { id: `controls-${name}` });
  return { node: element('section', { class: `panel ${name}`, 'aria-labelledby': title.id }, title, children), title };
}

// showNone shows a text in place of an empty list.
export function showNone(node, words, empty) {
  setText(node, words);
  node.hidden = !empty;
}

export function protocolWord(protocol) { return { 1: 'ping', 58: 'ping', 6: 'TCP', 17: 'UDP' }[protocol] ?? say('protocol {0}', protocol); }
