// The page's address: it leads to any moment, in a language.
//
//   #x=3&s=2&p=11   packet 11 of stream 2, in experiment 3
//   #x=3            the start of experiment 3
//   &lang=ja        in Japanese
//   watch, auto     in front of # or behind it: ask nothing; go on after decisive captions
import { spoken } from './say.js';

// wished returns what the address asks for. A live page has its token behind the #.
export function wished(live) {
  const all = new URLSearchParams(location.search);
  if (!live) for (const [name, value] of new URLSearchParams(location.hash.slice(1))) all.set(name, value);
  return all;
}

// lead makes the address lead to a moment: {experiment, stream, packet}. It returns the whole address.
export function lead({ experiment, stream, packet }) {
  const place = new URLSearchParams();
  for (const [name, value] of [['x', experiment], ['s', stream], ['p', packet], ['lang', spoken()]]) if (value) place.set(name, value);
  const url = new URL(location.href);
  url.hash = place;
  history.replaceState(null, '', url);
  return url.href;
}
