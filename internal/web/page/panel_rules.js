// The rules of each group: those in force can be revoked, revoked ones authorized again, and new
// ones created as in the AWS console.
import { element, setData, setText } from './dom.js';
import { say } from './say.js';
import { Rows } from './rows.js';
import { button, choices, field, form, panel } from './fields.js';

// Types as the AWS console names them: [name, protocol, from, to]; null ports are asked for.
const types = [
  ['SSH', 6, 22, 22], ['HTTP', 6, 80, 80], ['HTTPS', 6, 443, 443], ['DNS (UDP)', 17, 53, 53], ['All ICMP - IPv4', 1, -1, -1], ['All ICMP - IPv6', 58, -1, -1],
  ['Custom TCP', 6, null, null], ['Custom UDP', 17, null, null], ['All TCP', 6, 0, 65535], ['All UDP', 17, 0, 65535], ['All traffic', -1, -1, -1],
];

export class RulesPanel {
  constructor(act) {
    this.act = act;
    this.groups = new Rows(element('div', { class: 'groups' }), (g) => g.id, (g) => this.group(g));
    this.group_ = field(element('select', { name: 'group' }));
    this.direction = field(element('select', { name: 'direction', onchange: () => this.speak() }));
    this.type = field(element('select', { name: 'type', onchange: () => this.ports() }, types.map(([name], i) => element('option', { value: i }, name))));
    this.port = field(element('input', { name: 'port', inputmode: 'numeric', pattern: '\\d+(-\\d+)?', size: 6, autocomplete: 'off' }));
    this.peers = element('datalist', { id: 'controls-peers' });
    this.peer = field(element('input', { name: 'peer', list: 'controls-peers', size: 14, required: true, value: '0.0.0.0/0', autocomplete: 'off', spellcheck: 'false', oninput: (e) => e.target.setCustomValidity('') }));
    this.add = element('button', { class: 'primary' });
    this.new = element('summary');
    const { node, title } = panel('rules', this.groups.root, element('details', {}, this.new,
      form(() => this.authorize(), this.group_.node, this.direction.node, this.type.node, this.port.node, this.peer.node, this.peers, this.add)));
    Object.assign(this, { node, title });
    this.ports();
  }

  speak() {
    setText(this.title, say('Security groups'));
    setText(this.new, say('Add a rule'));
    setText(this.group_.label, say('Group'));
    setText(this.direction.label, say('Direction'));
    setText(this.type.label, say('Type'));
    setText(this.port.label, say('Port range'));
    setText(this.add, say('Authorize'));
    choices(this.direction.control, [['ingress', say('inbound')], ['egress', say('outbound')]]);
    setText(this.peer.label, this.direction.control.value === 'egress' ? say('Destination') : say('Source'));
  }

  // ports shows the port fields where the type leaves the ports open.
  ports() {
    const [, , from] = types[this.type.control.value];
    this.port.node.hidden = from !== null;
    this.port.control.required = from === null;
  }

  show(state, known) {
    const groups = groupsOf(state, known);
    this.groups.show(groups);
    choices(this.group_.control, groups.map((g) => [g.id, g.id]));
    this.ids = groups.map((g) => g.id);
    const peers = ['0.0.0.0/0', '::/0', ...state.hosts.map((h) => h.address.replace(/\/\d+$/, h.address.includes(':') ? '/128' : '/32')), ...this.ids];
    if (this.knownPeers !== peers.join()) this.peers.replaceChildren(...peers.map((value) => element('option', { value })));
    this.knownPeers = peers.join();
  }

  group() {
    const name = element('span', { class: 'name' });
    const hosts = element('span', { class: 'hosts' });
    const none = element('p', { class: 'none' });
    const rules = new Rows(element('ul', {}), (r) => r.id, (r) => this.rule(r));
    return {
      node: element('section', { class: 'group' }, element('h3', {}, name, hosts), rules.root, none),
      show: (g) => {
        setText(name, g.id);
        setText(hosts, g.hosts.length ? say('attached to {0}', g.hosts.join(', ')) : say('not attached to a host'));
        setText(none, say('no rule'));
        none.hidden = g.rules.length > 0;
        rules.show(g.rules);
      },
    };
  }

  rule(first) {
    let rule = first;
    const name = element('span', { class: 'name' });
    const direction = element('span', { class: 'direction' });
    const text = element('span', { class: 'text' });
    const does = button(() => this.change(rule));
    return {
      node: element('li', {}, direction, name, text, does),
      show: (now) => {
        rule = now;
        setData(does.parentNode, 'off', rule.on ? null : 'yes');
        setText(name, rule.id);
        setText(direction, rule.direction === 'egress' ? say('outbound') : say('inbound'));
        setText(text, rule.text);
        setText(does, rule.on ? say('Revoke') : say('Authorize'));
        does.setAttribute('aria-label', rule.on ? say('Revoke rule {0} of group {1}', rule.id, rule.group) : say('Authorize rule {0} of group {1} again', rule.id, rule.group));
        setData(does, 'does', rule.on ? 'revoke' : 'authorize');
      },
    };
  }

  change(rule) {
    const words = rule.on ? () => say('Rule {0} is revoked. Flows it admitted go on.', rule.id) : () => say('Rule {0} is authorized.', rule.id);
    return this.act(words, rule.on ? 'revoke' : 'authorize', { group: rule.group, direction: rule.direction, ids: [rule.id] });
  }

  authorize() {
    const [, protocol, from, to] = types[this.type.control.value];
    const [first, last = first] = from === null ? this.port.control.value.split('-').map(Number) : [from, to];
    const group = this.ids.find((id) => id === this.peer.control.value.trim());
    const peer = group ?? rangeOf(this.peer.control.value.trim());
    if (!peer) {
      this.peer.control.setCustomValidity(say('For example 203.0.113.0/24, 2001:db8::/32, or a group ID'));
      this.peer.control.reportValidity();
      return undefined;
    }
    const said = protocol === -1 ? 'all' : { 1: 'icmp', 58: 'icmpv6', 6: 'tcp', 17: 'udp' }[protocol];
    const ports = first < 0 ? [] : first === last ? [first] : [`${first}-${last}`];
    const way = this.direction.control.value === 'egress' ? ['out'] : []; // no two rules of a group have one id
    const rule = { id: [...way, said, ...ports, peer].join('-').replace(/[^\w.:-]/g, '-'), protocol, from: first, to: last };
    if (group) rule.reference = { group_id: group };
    else rule.peer = peer;
    return this.act(() => say('Rule {0} is authorized.', rule.id), 'authorize', { group: this.group_.control.value, direction: this.direction.control.value, rules: [rule] });
  }
}

// rangeOf parses an address range, or an address as a range; null if it is neither.
function rangeOf(text) {
  const [address, bits, ...more] = text.split('/');
  const six = address.includes(':');
  const is = six ? /^[0-9a-f:]+$/i.test(address) : /^\d+(\.\d+){3}$/.test(address) && address.split('.').every((n) => n <= 255);
  const most = six ? 128 : 32;
  if (!is || more.length || (bits !== undefined && !(/^\d+$/.test(bits) && bits <= most))) return null;
  return `${address}/${bits ?? most}`;
}

// groupsOf returns all groups with their rules: from the timeline or, for groups that no host has
// had yet, from the lab.
export function groupsOf(state, known) {
  const groups = new Map();
  for (const g of known.groups) groups.set(g.id, { id: g.id, hosts: [], rules: [] });
  const latest = new Map(); // latest event about each rule
  for (const r of state.rules) latest.set(`${r.group}\n${r.id}`, r);
  for (const r of latest.values()) {
    if (!groups.has(r.group)) groups.set(r.group, { id: r.group, hosts: [], rules: [] });
    groups.get(r.group).rules.push(r);
  }
  for (const g of known.groups) {
    const mine = groups.get(g.id);
    const missing = (r) => !latest.has(`${g.id}\n${r.id}`);
    for (const r of g.rules.filter(missing)) mine.rules.push({ ...r, group: g.id, on: true });
    for (const r of g.revoked.filter(missing)) mine.rules.push({ ...r, group: g.id, on: false });
  }
  for (const g of groups.values()) {
    g.hosts = state.hosts.filter((h) => h.groups.includes(g.id)).map((h) => h.name);
    g.rules.sort((a, b) => (a.direction === 'egress') - (b.direction === 'egress'));
  }
  return [...groups.values()];
}
