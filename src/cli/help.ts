/** The help texts, laid out by cac from the table: when holdfast is built (scripts/help.js), not when help is asked for. */
import { cac } from 'cac';
import { type CommandName, commandSpecs, optionSpecs } from './table.ts';

const INTRODUCTION = `holdfast starts Core Lightning from a snapshot of its own binaries, so that a package
upgrade cannot break the running node. Put it in front of the command you have today:

  holdfast run lightningd --network=bitcoin`;

const EXIT_STATUS = `  run     125 holdfast itself failed, 126 lightningd cannot be executed, 127 it was not found;
          all else is lightningd's own
  others  0 all is well, 1 a finding, 2 it could not be done or determined`;

/**
 * The help of one command, or of holdfast, as cac lays it out. Called when holdfast is built.
 * @returns text that ends with a newline
 * @public read by scripts/help.js
 */
export function helpText(name: CommandName | undefined, version: string): string {
  const cli = cac('holdfast');
  if (name === undefined) {
    cli.usage('COMMAND [options] …');
    for (const [command, { summary }] of Object.entries(commandSpecs)) cli.command(command, summary);
  }
  const command = name === undefined ? cli.globalCommand : cli.command(name, commandSpecs[name].summary);
  if (name !== undefined) {
    const spec = commandSpecs[name];
    command.usage(`${name} [options] ${spec.usage}`.trimEnd());
    for (const option of spec.options) {
      const { value, valueOptional, help } = optionSpecs[option];
      const shown = value === undefined ? '' : valueOptional ? `[=${value}]` : `=${value}`;
      command.option(`--${option}${shown}`, help);
    }
    for (const example of spec.examples) command.example(`  ${example}`);
  }
  let text = '';
  cli.help(sections => {
    const [, ...rest] = sections.filter(section => !section.title?.startsWith('For more info')); // the first: name/version
    const own = rest.map(({ title, body }) => ({
      title,
      body: body
        .replace(/^ +-h, --help.*\n?/m, '')
        .replace(/ +(\(default: true\))?$/gm, '') // cac's guess of what --no-… means
        .trimEnd(),
    }));
    const head = name === undefined ? INTRODUCTION : `holdfast ${name}: ${commandSpecs[name].summary}`;
    const tail = name === undefined ? [{ title: 'Exit status', body: EXIT_STATUS }] : [];
    text = [
      head,
      ...[...own, ...tail].filter(({ body }) => body !== '').map(({ title, body }) => `${title}:\n${body}`),
    ].join('\n\n');
    return [];
  });
  command.outputHelp(); // what it prints is what the callback has left: an empty line
  const footer =
    name === undefined ? `\n\nholdfast ${version}; holdfast COMMAND --help tells more of each` : '';
  return `${text}${footer}\n`;
}
