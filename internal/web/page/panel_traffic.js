// Traffic: streams of packets between hosts, and the conntrack entries.
import { element, setText } from './dom.js';
import { say } from './say.js';
import { Rows } from './rows.js';
import { flowText, streamName } from './words.js';
import { button, choices, field, form, panel, protocolWord, showNone } from './fields.js';

const usualPorts = { tcp: 22, udp: 53 };
const mostEntries = 50; // maximum number listed

export class TrafficPanel {
  constructor(act) {
    this.act = act;
    this.protocol = field(element('select', { name: 'protocol', onchange: () => this.portOf() }, element('option', { value: 'icmp' }, 'ping'), element('option', { value: 'tcp' }, 'TCP'), element('option', { value: 'udp' }, 'UDP')));
    this.from = field(element('select', { name: 'from' }));
    this.to = field(element('select', { name: 'to' }));
    this.port = field(element('input', { name: 'port', type: 'number', min: 1, max: 65535 }));
    this.begin = element('button', { class: 'primary' });
    this.streams = new Rows(element('ul', { class: 'streams' }), (s) => s.name, () => this.stream());
    this.entries = new Rows(element('ul', { class: 'flows' }), (e) => `${e.host} ${e.id}`, () => this.entry());
    this.noStream = element('p', { class: 'none' });
    this.noEntry = element('p', { class: 'none' });
    this.more = element('p', { class: 'none' });
    this.entriesTitle = element('h3');
    const { node, title } = panel('traffic',
      form(() => this.start(), this.protocol.node, this.from.node, this.to.node, this.port.node, this.begin),
      this.streams.root, this.noStream, this.entriesTitle, this.entries.root, this.more, this.noEntry);
    Object.assign(this, { node, title });
    this.portOf();
  }

  speak() {
    setText(this.title, say('Traffic'));
    setText(this.protocol.label, say('Stream'));
    setText(this.from.label, say('From'));
    setText(this.to.label, say('To'));
    setText(this.port.label, say('Port'));
    setText(this.begin, say('Start'));
    setText(this.entriesTitle, say('Conntrack entries'));
  }

  // portOf suggests a port where the protocol has ports.
  portOf() {
    const usual = usualPorts[this.protocol.control.value];
    this.port.node.hidden = !usual;
    this.port.control.required = Boolean(usual);
    this.port.control.value = usual ?? '';
  }

  show(state) {
    const hosts = state.hosts.map((h) => [h.name, h.name]);
    const fresh = this.hosts !== JSON.stringify(hosts);
    this.hosts = JSON.stringify(hosts);
    choices(this.from.control, hosts);
    choices(this.to.control, hosts);
    if (fresh && hosts.length > 1) [this.from.control.value, this.to.control.value] = [hosts[1][0], hosts[0][0]];
    const streams = state.streams.filter((s) => s.running);
    this.streams.show(streams);
    showNone(this.noStream, say('no stream is running'), !streams.length);
    const entries = state.entries.filter((e) => e.alive);
    this.entries.show(entries.slice(-mostEntries));
    showNone(this.noEntry, say('no entry'), !entries.length);
    showNone(this.more, say('and {0} more', entries.length - mostEntries), entries.length > mostEntries);
  }

  stream() {
    let name = '';
    const text = element('span', { class: 'name' });
    const does = button(() => this.act(() => say('Stream {0} has stopped.', name), 'streams/stop', { stream: name }));
    return {
      node: element('li', {}, text, does),
      show: (s) => {
        name = s.name;
        setText(text, `${s.name}  ${protocolWord(s.protocol)} ${s.from} → ${s.to}${s.port ? ` :${s.port}` : ''}`);
        setText(does, say('Stop'));
        does.setAttribute('aria-label', say('Stop stream {0}', name));
      },
    };
  }

  entry() {
    let entry = null;
    const host = element('span', { class: 'direction' });
    const text = element('span', { class: 'text' });
    const does = button(() => this.act(({ cut }) => (cut ? say('The entry is deleted. The next packet of the flow will count as new.') : say('The entry was already gone.')), 'cut', { host: entry.host, conntrack_id: entry.id }));
    return {
      node: element('li', {}, host, text, does),
      show: (e) => {
        entry = e;
        setText(host, e.host);
        setText(text, (e.stream ? `${streamName(e.stream)}  ` : '') + flowText(e.orig));
        setText(does, say('Cut'));
        does.setAttribute('aria-label', say('Cut the entry on {0}: {1}', e.host, flowText(e.orig)));
      },
    };
  }

  start() {
    const question = { protocol: this.protocol.control.value, from: this.from.control.value, to: this.to.control.value };
    if (this.port.control.value) question.port = Number(this.port.control.value);
    return this.act(({ stream }) => say('Stream {0} has started.', stream), 'streams', question);
  }
}
