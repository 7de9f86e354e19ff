// The report below the film: explanation, predictions, statistics, evidence. Every figure and
// sentence comes from the report.
import { element, patch } from './dom.js';
import { momentButton } from './moment.js';
import { outcomeName } from './narration.js';
import { say } from './say.js';
import { streamName } from './words.js';

// showReport draws a report and changes only what differs from what is already drawn.
export function showReport(root, report) {
  patch(root, element('div', { id: root.id }, report ? sections(report) : []));
}

function sections(report) {
  return [
    ...(report.why.length ? [section('why', say('Why'), why(report))] : []),
    ...(report.verdict ? [section('predicted', say('Predicted and observed'), predicted(report))] : []),
    ...(report.streams.some((s) => s.sent) ? [section('statistics', say('Statistics'), report.streams.filter((s) => s.sent).map(statistics))] : []),
    section('evidence', say('Evidence'), [flows(report), counters(report), verdicts(report), about(report)]),
  ];
}

function section(id, title, ...content) {
  return element('section', { id, 'data-key': id, 'aria-labelledby': `${id}-title` }, element('h2', { id: `${id}-title` }, title), ...content);
}

function why(report) {
  return report.why.map((p) => element('div', { class: 'paragraph' }, element('h3', {}, p.subject),
    element('ul', {}, p.sentences.map((sentence, i) => element('li', {}, p.moments?.[i] ? momentButton(p.moments[i], sentence) : sentence)))));
}

// table makes a table; keys identify the rows, if their order does not.
function table(heads, rows, keys = []) {
  return element('div', { class: 'scroll', tabindex: '0', role: 'group' }, element('table', {},
    element('thead', {}, element('tr', {}, heads.map((h) => element('th', { scope: 'col' }, h)))),
    element('tbody', {}, rows.map((cells, i) => element('tr', { 'data-key': keys[i] }, cells.map((c) => element('td', {}, c ?? '')))))));
}

function predicted(report) {
  const rows = report.experiments.flatMap((x) => x.predictions.map((p, i) => [
    i ? '' : String(x.number), i ? '' : x.title, p.subject, p.predicted, p.observed,
    element('span', { class: 'held', 'data-held': p.held ? 'yes' : p.not_judged ? 'unknown' : 'no' }, p.held_word),
  ]));
  return [rows.length > 0 && table(['#', say('experiment'), say('of'), say('predicted'), say('observed'), say('held')], rows),
    element('p', { class: 'conclusion', 'data-tone': report.verdict?.tone }, report.verdict?.conclusion)];
}

function statistics(s) {
  return element('div', { class: 'statistics' }, element('h3', {}, s.title), element('pre', {}, s.statistics));
}

// fold makes a table that the reader opens; nothing if it is empty.
function fold(key, title, heads, rows, keys) {
  return rows.length > 0 && element('details', { 'data-key': key }, element('summary', {}, title), table(heads, rows, keys));
}

function flows(report) {
  const rows = report.flows.filter((f) => f.stream !== null).map((f) => [
    String(f.experiment), f.host, f.stream, `${f.protocol} ${f.source} > ${f.destination} ${f.icmp_id ? `id ${f.icmp_id}` : `${f.source_port ?? ''} > ${f.destination_port ?? ''}`}`,
    f.admitter,
    (f.status ?? []).join(' '), say('{0} ({1} bytes)', f.packets, f.bytes), say('{0} ({1} bytes)', f.reply_packets, f.reply_bytes), `${f.timeout_seconds} s`,
  ]);
  return fold('flows', say('conntrack at the end of each experiment'), ['#', say('host'), say('stream'), say('flow'), say('admitted by'), say('status'), say('sent'), say('back'), say('time left')], rows);
}

function counters(report) {
  const rows = report.counters.map((c) => [c.host, c.direction === 'egress' ? say('out') : say('in'), c.revoked ? say('{0} (revoked)', c.rule) : c.rule, c.never_hit ? say('never') : String(c.packets), String(c.bytes)]);
  return fold('counters', say('packets accepted by each rule'), [say('host'), say('direction'), say('rule'), say('packets'), say('bytes')], rows);
}

function verdicts(report) {
  const all = report.streams.flatMap((s) => s.verdicts.map((v) => [s, v]));
  const rows = all.map(([s, v]) => [
    momentButton({ stream: s.name, first: v.first, last: v.last }, v.first === v.last ? `${s.name}: ${v.first}` : `${s.name}: ${v.first}–${v.last}`),
    v.packet === 'reply' ? say('reply') : say('request'), v.host, v.direction === 'egress' ? say('out') : say('in'), v.state.toUpperCase(), v.verdict === 'accept' ? say('accepted') : say('dropped'), v.rule,
  ]);
  const keys = all.map(([s, v]) => [s.name, v.first, v.packet, v.host, v.direction].join(' '));
  return fold('verdicts', report.target === 'sim' ? say('simulated verdicts') : say('kernel verdicts'), [say('packets'), say('what'), say('host'), say('direction'), say('state'), say('verdict'), say('by')], rows, keys);
}

function about(report) {
  const missed = report.missed.verdicts + report.missed.events;
  const rows = [
    [say('scenario'), report.scenario], [say('started'), report.started], [say('kernel'), report.target === 'sim' ? say('none: simulated') : report.kernel], [say('lablab'), report.version],
    [say('packet interval'), `${report.interval_ms} ms`],
    [say('self-check'), report.canaries.map((c) => say('{0} dropped {1}', c.host, c.packet)).join('; ')],
    [say('lost evidence'), missed ? say('{0} verdicts and {1} events (socket overflow)', report.missed.verdicts, report.missed.events) : say('nothing')],
  ];
  const streams = report.streams.map((s) => [streamName(s.name), `${outcomeName('replied')} ${s.received}, ${outcomeName('refused')} ${s.refused}, ${outcomeName('lost')} ${s.lost}`]);
  return fold('about', say('about this run'), [say('what'), say('observed')], [...rows, ...streams]);
}
