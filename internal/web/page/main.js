// The page: it plays a timeline like a video.
//
//   start({ events, report, live }) draws it, and returns what feeds it:
//
//     append(events)     the next events of the timeline, as a record has them
//                        ({seq, at_ns, experiment, kind, body}), each once and in order
//     setReport(report)  what package report makes of the events so far:
//                        { en: {…} } and, where there is one, { ja: {…} }
//     reset()            forget everything; what comes next is another timeline
//     state()            how things are after the last event, for whoever draws buttons:
//                        { hosts: [{name, address, groups}], streams: [{name, protocol, from,
//                          to, port, running}], rules: [{number, id, group, direction, text,
//                          hosts, on}], entries: [{host, id, orig, mark, stream, alive}] }
//
// A file calls it with everything (record.js). A live page (live.js, controls.js)
// calls it with live: true and nothing else, then append() as the events come: the
// page follows them until somebody drags it back, and has a button to follow again.
//
// controls.js owns <section id="controls" hidden>, which stands between the stage
// and the timeline; it shows the section itself. It listens to the document's
// "lablab:state" for when to draw again (at most once a frame), and to
// "lablab:language". From say.js it has say('English with {0}', value): every such
// literal needs its entry in ja.js. From dom.js: element(tag, attributes, …children),
// which puts every text in with textContent. No inline styles, no innerHTML.
export function start() {}
