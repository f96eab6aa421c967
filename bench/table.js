/** The results as a table that reads as text and as Markdown. Pure. */

/** @typedef {import('./results.js').Result} Result */
/** @typedef {import('./statistics.js').Figure} Figure */

const HEAD = ['case', 'holdfast', 'against', 'takes', 'ratio (quartiles)', 'goal', ''];

/**
 * @param {readonly Result[]} results
 * @returns {string} lines, each ended by a newline
 */
export function formatTable(results) {
  const rows = [HEAD, ...results.map(cells)];
  const widths = HEAD.map((_, i) => Math.max(3, ...rows.map(row => width(row[i] ?? ''))));
  const line = (/** @type {string[]} */ row) =>
    `| ${row.map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - width(cell))).join(' | ')} |\n`;
  const [head = HEAD, ...body] = rows;
  return line(head) + line(widths.map(w => '-'.repeat(w))) + body.map(line).join('');
}

/**
 * @param {Result} result
 * @returns {string[]}
 */
function cells(result) {
  switch (result.kind) {
    case 'ratio': {
      const goal = result.goal;
      const ours = `${ms(result.holdfast.median)}`;
      return [
        result.name,
        ours,
        result.peer,
        ms(result.theirs.median),
        spread(result.ratio, 2),
        goal === undefined
          ? ''
          : `≤ ${goal.ratio} ×${goal.extraMs === undefined ? '' : `, ≤ + ${goal.extraMs} ms`}`,
        result.verdict ?? '',
      ];
    }
    case 'growth':
      return [
        result.name,
        result.times.map(({ median }) => ms(median)).join(', '),
        'the cost of one more file before',
        '',
        result.growth.toFixed(2),
        `≤ ${result.goal} ×`,
        result.verdict,
      ];
    case 'limit': {
      const { name, value, unit, nodeAlone, goal, verdict } = result;
      const peer = nodeAlone === undefined ? ['', ''] : ['node -e 0', `${nodeAlone.toFixed(1)} ${unit}`];
      return [name, `${value.toFixed(value < 1 ? 2 : 1)} ${unit}`, ...peer, '', `≤ ${goal} ${unit}`, verdict];
    }
    case 'absent':
      return [result.name, '', result.peer, '', '', '', `absent: ${result.reason}`];
  }
}

/** @param {number} value */
function ms(value) {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`;
}

/** @param {Figure} figure @param {number} digits */
function spread({ median, low, high }, digits) {
  return `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

/** Characters, not bytes or UTF-16 units: `≤` and `–` are one column each. @param {string} text */
function width(text) {
  return [...text].length;
}
