// Formats for figures and names.

import { say } from './say.js';

export const tcp = 6;

const protocols = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmpv6' };

export function protocolName(number) { return protocols[number] ?? String(number); }

// flowText returns what identifies a flow to conntrack.
export function flowText(key) {
  const name = protocolName(key.protocol);
  if (key.protocol === 1 || key.protocol === 58) return `${name} ${key.source} > ${key.destination} id ${key.icmp_id ?? 0}`;
  return `${name} ${end(key.source, key.source_port)} > ${end(key.destination, key.destination_port)}`;
}

// packetText returns what a packet's headers say.
export function packetText(headers) {
  if (headers.protocol !== 1 && headers.protocol !== 58) return flowText(headers);
  const echo = { '1 8': 'echo request', '1 0': 'echo reply', '58 128': 'echo request', '58 129': 'echo reply' }[`${headers.protocol} ${headers.icmp_type ?? 0}`];
  return `${flowText(headers)} ${echo ?? `type ${headers.icmp_type ?? 0} code ${headers.icmp_code ?? 0}`}`;
}

// ruleText returns what a rule of a network ACL says: "deny tcp 22 10.0.0.0/8".
export function ruleText({ allow, protocol, from, to, peer }) {
  const ports = protocol === tcp || protocol === 17;
  const icmp = protocol === 1 || protocol === 58;
  const what = from === -1 || !(ports || icmp) ? '' : icmp ? ` type ${from}${to === -1 ? '' : ` code ${to}`}` : from === to ? ` ${from}` : ` ${from}-${to}`;
  return `${allow ? 'allow' : 'deny'} ${protocol === -1 ? 'all' : protocolName(protocol)}${what} ${peer}`;
}

function end(address, port) {
  if (!port) return address;
  return String(address).includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

// fixed formats a number with that many decimals as C and Go do: a tie goes to the even digit.
export function fixed(x, decimals) {
  const scaled = x * 10 ** decimals;
  if (Math.abs(scaled % 1) === 0.5 && Math.floor(scaled) % 2 === 0) return (Math.floor(scaled) / 10 ** decimals).toFixed(decimals);
  return x.toFixed(decimals);
}

// clock formats the rest of a time, in ns; fine if the run lasts less than seconds.
export function clock(ns, fine) {
  const s = ns / 1e9;
  if (s >= 86400) return `${fixed(s / 86400, 1)} d`;
  if (s >= 3600) return `${fixed(s / 3600, 1)} h`;
  return fine ? `${s.toFixed(3)} s` : `${s.toFixed(1)} s`;
}

// span formats a length of time.
export function span(ns) {
  if (ns < 1e9) return `${fixed(ns / 1e6, ns < 1e7 ? 3 : 0)} ms`;
  return `${fixed(ns / 1e9, 1)} s`;
}

// runTime formats a time of the run.
export function runTime(ns) { return `${(ns / 1e9).toFixed(3)} s`; }

// filmTime formats a time of the film.
export function filmTime(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`;
}

// streamName returns the name of a stream, which the user may have chosen freely.
export function streamName(name) { return say('stream {0}', name); }
