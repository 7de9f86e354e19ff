// The hosts: which groups each carries, and the scenario whose hosts they are.
import { element, setText } from './dom.js';
import { say } from './say.js';
import { Rows } from './rows.js';
import { choices, field, form, panel } from './fields.js';
import { groupsOf } from './panel_rules.js';

export class HostsPanel {
  constructor(act) {
    this.act = act;
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
    setText(this.note, say('Other hosts and groups take the place of these, for everybody who watches.'));
  }

  show(state, known) {
    const groups = groupsOf(state, known).map((g) => g.id);
    this.hosts.show(state.hosts.map((h) => ({ ...h, all: groups })));
    choices(this.scenario.control, known.scenarios.map((s) => [s.name, `${s.name} – ${s.title}`]));
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
        setText(name, say('{0} carries', h.name));
        boxes.show(h.all.map((group) => ({ group, on: h.groups.includes(group) })));
      },
    };
  }

  async carry(host, group, box) {
    const groups = host.groups.filter((g) => g !== group);
    if (box.checked) groups.push(group);
    const words = () => (groups.length ? say('{0} carries {1} now.', host.name, groups.join(', ')) : say('{0} carries no group now.', host.name));
    if (!await this.act(words, 'groups', { host: host.name, groups })) box.checked = host.groups.includes(group);
  }

  change() {
    const scenario = this.scenario.control.value;
    return this.act(() => say('Scenario {0} is loaded.', scenario), 'load', { scenario });
  }
}
