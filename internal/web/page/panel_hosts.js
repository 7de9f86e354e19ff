// The hosts: the groups of each, and the scenario that the hosts come from.
import { element, setText } from './dom.js';
import { say } from './say.js';
import { Rows } from './rows.js';
import { choices, field, form, panel } from './fields.js';
import { groupsOf } from './panel_rules.js';

const patience = 1000; // ms until the timeline must report a change

export class HostsPanel {
  constructor(act) {
    this.act = act;
    this.asked = new Map(); // host → the groups requested, until it has them
    this.turn = Promise.resolve(); // one change after the other
    this.hosts = new Rows(element('div', { class: 'carriers' }), (h) => h.name, () => this.host());
    this.scenario = field(element('select', { name: 'scenario' }));
    this.load = element('button');
    this.note = element('p', { class: 'none' });
    const { node, title } = panel('hosts', this.hosts.root, form(() => this.change(), this.scenario.node, this.load), this.note);
    Object.assign(this, { node, title });
  }

  speak() {
    setText(this.title, say('Hosts'));
    setText(this.scenario.label, say('Scenario'));
    setText(this.load, say('Load'));
    setText(this.note, say('Replaces the whole lab, for everyone connected.'));
  }

  show(state, known) {
    const groups = groupsOf(state, known).map((g) => g.id);
    for (const h of state.hosts) if (this.asked.get(h.name)?.toSorted().join() === h.groups.toSorted().join()) this.asked.delete(h.name);
    this.hosts.show(state.hosts.map((h) => ({ ...h, all: groups })));
    choices(this.scenario.control, known.scenarios.map((s) => [s.name, `${s.name} – ${s.title}`]));
    if (this.loaded !== known.scenario) this.scenario.control.value = this.loaded = known.scenario;
  }

  host() {
    let host = null;
    const name = element('legend');
    const boxes = new Rows(element('div', { class: 'boxes' }), (b) => b.group, () => {
      let group = '';
      const box = element('input', { type: 'checkbox', onchange: () => this.carry(host, group, box) });
      const words = element('span');
      return {
        node: element('label', {}, box, words),
        show: (b) => {
          group = b.group;
          box.checked = b.on;
          setText(words, group);
        },
      };
    });
    return {
      node: element('fieldset', {}, name, boxes.root),
      show: (h) => {
        host = h;
        setText(name, say('Groups of {0}', h.name));
        boxes.show(h.all.map((group) => ({ group, on: (this.asked.get(h.name) ?? h.groups).includes(group) })));
      },
    };
  }

  async carry(host, group, box) {
    const groups = (this.asked.get(host.name) ?? host.groups).filter((g) => g !== group);
    if (box.checked) groups.push(group);
    this.asked.set(host.name, groups);
    const words = () => (groups.length ? say('{0} is now in group {1}.', host.name, groups.join(', ')) : say('{0} is now in no group.', host.name));
    this.turn = this.turn.then(() => this.act(words, 'groups', { host: host.name, groups }));
    const forget = () => {
      if (this.asked.get(host.name) !== groups) return;
      this.asked.delete(host.name);
      document.dispatchEvent(new CustomEvent('lablab:state'));
    };
    if (await this.turn) setTimeout(forget, patience); // someone else may have changed them at the same time
    else forget();
  }

  change() {
    const scenario = this.scenario.control.value;
    return this.act(() => say('Scenario {0} loaded.', scenario), 'load', { scenario });
  }
}
