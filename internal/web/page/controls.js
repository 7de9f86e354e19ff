// Controls for the lab: its rules, its traffic, its hosts. Everything shown here comes from the
// timeline and from the lab's lists of scenarios and groups.
import { element, setText } from './dom.js';
import { say, spoken } from './say.js';
import { RulesPanel } from './panel_rules.js';
import { TrafficPanel } from './panel_traffic.js';
import { HostsPanel } from './panel_hosts.js';

export class Controls {
  constructor(root, state, ask) {
    this.state = state;
    this.ask = ask;
    this.known = { groups: [], scenarios: [] };
    this.asked = this.learned = 0; // how many times the lists were requested, and which response came last
    this.said = element('p', { class: 'said', role: 'status' });
    this.failed = element('p', { class: 'failed', role: 'alert' });
    this.panels = [RulesPanel, TrafficPanel, HostsPanel].map((Panel) => new Panel((words, path, question) => this.do(words, path, question)));
    this.fields = element('fieldset', { class: 'panels', disabled: true }, this.panels.map((p) => p.node));
    root.append(element('div', { class: 'news' }, this.said, this.failed), this.fields);
    document.addEventListener('lablab:state', () => this.draw());
    document.addEventListener('lablab:language', () => {
      this.speak();
      this.learn();
    });
    this.speak();
  }

  // enable sets whether there is a lab that can be changed.
  async enable(on) {
    this.fields.disabled = !on;
    if (on) await this.learn();
  }

  // learn fetches what no event reports: groups that no host has, and scenarios.
  async learn() {
    const turn = ++this.asked;
    try {
      const [status, scenarios] = await Promise.all([this.ask('status'), this.known.language === spoken() ? this.known.scenarios : this.ask('scenarios')]);
      if (turn < this.learned) return; // an older response arrived after a newer one
      this.learned = turn;
      this.known = { groups: status.groups, scenario: status.scenario, scenarios, language: spoken() };
      this.draw();
    } catch { /* when the connection is back */ }
  }

  draw() {
    const state = this.state();
    const { known } = this;
    // Another scenario has been loaded, with other groups.
    const names = state.hosts.map((h) => h.name).join();
    const groups = [...new Set(state.rules.map((r) => r.group))].join();
    if (this.seen !== undefined && this.seen !== `${names} ${groups}`) this.learn();
    this.seen = `${names} ${groups}`;
    for (const panel of this.panels) panel.show(state, known);
  }

  speak() {
    this.fields.setAttribute('aria-label', say('Change the lab'));
    for (const panel of this.panels) panel.speak();
    if (this.words) setText(this.said, this.words());
    this.draw();
  }

  // do changes something and shows the result.
  async do(words, path, question) {
    setText(this.failed, '');
    try {
      const answer = await this.ask(path, question);
      this.words = () => words(answer);
      setText(this.said, this.words());
      if (['authorize', 'revoke', 'load'].includes(path)) await this.learn(); // no event reports a group that no host has had, or the name of the scenario
      return true;
    } catch (error) {
      this.words = null;
      setText(this.said, '');
      setText(this.failed, error.code ? `${error.code}: ${error.message}` : error.message || say('The lab is not responding.'));
      return false;
    }
  }
}
