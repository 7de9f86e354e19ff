// How the run ended, above everything else: whether it held and, if not, what did not.
import { element } from './dom.js';
import { momentButton } from './moment.js';
import { say } from './say.js';

const most = 3; // maximum number of failures shown here; the report below has all of them

const signs = { good: '✓', neutral: '–', doubtful: '!', stopped: '!', bad: '✕' };

// showVerdict writes the verdict of a report; none while a lab goes on.
export function showVerdict(root, report, goesOn) {
  const { verdict } = report ?? {};
  root.hidden = !verdict || (goesOn && !report.failed);
  if (root.hidden) return root.replaceChildren();
  const { tone, conclusion, failures } = verdict;
  root.dataset.tone = tone;
  const shown = failures.slice(0, most).map((f) => element('li', {}, f.failure, because(report, f)));
  const more = failures.length - shown.length;
  if (more) shown.push(element('li', {}, say('and {0} more', more)));
  root.replaceChildren(element('p', {}, element('span', { class: 'sign', 'aria-hidden': 'true' }, signs[tone]), conclusion), element('ul', {}, shown));
}

// because returns why something did not hold: the explanation of its stream in that experiment.
function because(report, { experiment, stream }) {
  const result = report.experiments.find((x) => x.number === experiment)?.streams.find((s) => s.stream === stream);
  const [decided] = result?.because ?? [];
  return [...(result?.because ?? []).map((b) => momentButton({ stream, first: b.first, last: b.last }, b.sentence)),
    decided && momentButton({ stream, first: decided.first, last: decided.first }, say('See the packet that decided: {0}', decided.first), 'deciding')];
}
