// What the page says, in the language that is chosen. English is written where it
// is said; ja.js has the Japanese of it.
import { visible } from './dom.js';
import { japanese } from './ja.js';

// A space that a value in Latin letters needs, and one in Japanese does not.
const between = /(?<=[\u3041-\u30ff\u4e00-\u9fff]) (?=[\u3041-\u30ff\u4e00-\u9fff])/g;

let language = 'en';

// speak chooses the language: 'en' or 'ja'.
export function speak(chosen) {
  language = chosen === 'ja' ? 'ja' : 'en';
  document.documentElement.lang = language;
}

export function spoken() { return language; }

// say is the text with the values in the places {0}, {1} …
export function say(text, ...values) {
  const form = language === 'ja' ? japanese[text] ?? text : text;
  const said = form.replace(/\{(\d)\}/g, (place, i) => (i in values ? visible(values[i]) : place));
  return language === 'ja' ? said.replace(between, '') : said;
}
