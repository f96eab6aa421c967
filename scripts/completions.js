/**
 * Completions for bash, zsh and fish, from the table of commands and options: `node scripts/completions.js DIR` writes
 * DIR/holdfast.bash, DIR/_holdfast and DIR/holdfast.fish. What stands behind LIGHTNINGD is completed as it is without
 * holdfast. No process is started at a press of TAB.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { load } from './load.js';

const { commandSpecs, optionSpecs, NETWORKS } = /** @type {typeof import('../src/cli/table.ts')} */ (
  await load('cli/table.ts')
);
const [directory = 'dist/completions'] = process.argv.slice(2);

/**
 * @typedef {'words' | 'directory' | 'file' | 'snapshot' | 'command' | 'none'} Kind
 * @typedef {{ name: string, help: string, takesValue: boolean, kind: Kind, words: readonly string[] }} CompletedOption
 * @typedef {{ name: string, summary: string, options: CompletedOption[], operand: Kind }} CompletedCommand
 */

/** What a placeholder of the table stands for. @type {Record<string, Kind>} */
const KINDS = {
  DIR: 'directory',
  FILE: 'file',
  ARCHIVE: 'file',
  PATH: 'file',
  SHA256SUMS: 'file',
  SNAPSHOT: 'snapshot',
};
/** @type {Record<string, Kind>} */
const OPERANDS = {
  LIGHTNINGD: 'command',
  SNAPSHOT: 'snapshot',
  DIR: 'directory',
  PATH: 'file',
  FILE: 'file',
};

/** @type {CompletedCommand[]} */
const commands = Object.entries(commandSpecs).map(([name, { summary, usage, options }]) => ({
  name,
  summary,
  operand: OPERANDS[/[A-Z]{3,}/.exec(usage)?.[0] ?? ''] ?? 'none',
  options: options.map(option => {
    const { value, help } = optionSpecs[option];
    const words =
      value === 'NAME' ? NETWORKS : /^[a-z|-]+$/.test(value ?? '') ? (value ?? '').split('|') : [];
    const kind = words.length > 0 ? 'words' : (KINDS[value ?? ''] ?? 'none');
    return { name: option, help, takesValue: value !== undefined, kind, words };
  }),
}));
const options = [
  ...new Map(commands.flatMap(command => command.options.map(option => [option.name, option]))).values(),
];

/** In single quotes, for any of the three. @param {string} text */
const quoted = text => `'${text.replaceAll("'", `'\\''`)}'`;

/** For zsh's specifications, where colons and brackets mean something. @param {string} text */
const escaped = text => text.replaceAll(/[:[\]]/g, '\\$&');

function bash() {
  /** @param {CompletedOption} option */
  const word = ({ name, takesValue }) => `--${name}${takesValue ? '=' : ''}`;
  /** @type {Record<Kind, (words: readonly string[]) => string>} */
  const replies = {
    words: words => `_holdfast_reply -W ${quoted(words.join(' '))} -- "$value"`,
    directory: () => 'compopt -o filenames && _holdfast_reply -d -- "$value"',
    file: () => 'compopt -o filenames && _holdfast_reply -f -- "$value"',
    snapshot: () => '_holdfast_reply -W "current $(_holdfast_snapshots)" -- "$value"',
    command: () => '_holdfast_command',
    none: () => ':',
  };
  return `# bash completion for holdfast
_holdfast_reply() { # COMPGEN-ARGUMENT…
  mapfile -t COMPREPLY < <(compgen "$@")
  if [[ \${COMPREPLY[0]-} == *= ]]; then compopt -o nospace; fi
}

_holdfast_snapshots() {
  local word store=~/.lightning/subdaemons
  for word in "\${words[@]}"; do
    case $word in
      --lightning-dir=*) store=\${word#*=}/subdaemons ;;
      --snapshot-dir=*) store=\${word#*=} && break ;;
    esac
  done
  find "$store" -mindepth 1 -maxdepth 1 -type d -name '????????????????*' -printf '%f ' 2>/dev/null
}

# What stands behind the first word without a dash is that program's own.
_holdfast_command() {
  local at
  for ((at = 2; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
      --) at=$((at + 1)) && break ;;
      -*) ;;
      =) at=$((at + 1)) ;;
      *) break ;;
    esac
  done
  if declare -F _command_offset >/dev/null; then
    _command_offset "$at"
  elif ((at >= COMP_CWORD)); then
    _holdfast_reply -c -- "$value"
  else
    compopt -o filenames && _holdfast_reply -f -- "$value"
  fi
}

_holdfast() {
  # by the line: COMP_WORDS is split at the = of our options
  local line=\${COMP_LINE:0:COMP_POINT}
  local value=\${line##*[$' \\t']} current=\${line##*[$' \\t']} words word
  read -ra words <<<"\${line%"$current"}"
  if ((\${#words[@]} < 2)); then
    _holdfast_reply -W ${quoted([...commands.map(({ name }) => name), 'help', '--help', '--version'].join(' '))} -- "$value"
    return
  fi
  case \${words[1]} in
    ${commands
      .filter(({ operand }) => operand === 'command')
      .map(({ name }) => name)
      .join(' | ')})
      for word in "\${words[@]:2}"; do
        if [[ $word == -- || $word != -* ]]; then
          _holdfast_command
          return
        fi
      done
      ;;
  esac
  if [[ $current == --*=* ]]; then
    value=\${current#*=}
    case \${current%%=*} in
${options
  .filter(({ kind }) => kind !== 'none')
  .map(({ name, kind, words }) => `      --${name}) ${replies[kind](words)} ;;`)
  .join('\n')}
    esac
    return
  fi
  case \${words[1]},$current in
${commands
  .map(
    ({ name, options, operand }) =>
      `    ${name},-*) _holdfast_reply -W ${quoted([...options.map(word), '--help'].join(' '))} -- "$value" ;;\n    ${name},*) ${replies[operand]([])} ;;`,
  )
  .join('\n')}
    help,*) _holdfast_reply -W ${quoted(commands.map(({ name }) => name).join(' '))} -- "$value" ;;
  esac
}
complete -F _holdfast holdfast
`;
}

function zsh() {
  /** @type {Record<Kind, (words: readonly string[]) => string>} */
  const actions = {
    words: words => `(${words.join(' ')})`,
    directory: () => '_files -/',
    file: () => '_files',
    snapshot: () => '_holdfast_snapshots',
    command: () => '_normal',
    none: () => '',
  };
  /** @param {CompletedOption} option */
  const spec = ({ name, help, takesValue, kind, words }) =>
    quoted(
      `--${name}${takesValue ? '=' : ''}[${escaped(help)}]${takesValue ? `:${name}:${actions[kind](words)}` : ''}`,
    );
  /** @param {Kind} operand */
  const rest = operand =>
    operand === 'command'
      ? `'(-)1:lightningd:_command_names -e' '*::arguments:_normal'`
      : operand === 'none'
        ? ''
        : quoted(`*:operand:${actions[operand]([])}`);
  return `#compdef holdfast
_holdfast_snapshots() {
  local store=\${opt_args[--snapshot-dir]:-\${opt_args[--lightning-dir]:-$HOME/.lightning}/subdaemons}
  local -a snapshots=(current $store/????????????????*(N/:t))
  _alternative 'snapshots:snapshot:compadd -a snapshots' 'directories:directory:_files -/'
}

_holdfast() {
  local context state line
  typeset -A opt_args
  local -a commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${escaped(summary)}`)}`).join('\n')}
    'help:the help of a command'
  )
  _arguments -C '(- *)--help[help]' '(- *)--version[version]' '1: :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest)
      case $words[1] in
${commands
  .map(
    ({ name, options, operand }) =>
      `        ${name}) _arguments ${[...options.map(spec), "'--help[help]'", rest(operand)].filter(Boolean).join(' ')} ;;`,
  )
  .join('\n')}
        help) _describe command commands ;;
      esac
      ;;
  esac
}
_holdfast "$@"
`;
}

function fish() {
  /** @type {Record<Kind, (words: readonly string[]) => string>} */
  const answers = {
    words: words => `-x -a ${quoted(words.join(' '))}`,
    directory: () => `-x -a '(__fish_complete_directories)'`,
    file: () => '-F',
    snapshot: () => `-a 'current (__holdfast_snapshots)'`,
    command: () => `-x -a '(__fish_complete_subcommand --fcs-skip=2)'`,
    none: () => '-x',
  };
  const lines = [
    '# fish completion for holdfast',
    'function __holdfast_snapshots',
    '    set -l store ~/.lightning/subdaemons',
    '    for word in (commandline -opc)',
    "        string match -q -- '--lightning-dir=*' $word; and set store (string replace -- '--lightning-dir=' '' $word)/subdaemons",
    "        string match -q -- '--snapshot-dir=*' $word; and set store (string replace -- '--snapshot-dir=' '' $word)",
    '    end',
    "    for path in $store/*/; string replace -r '.*/([^/]+)/$' '$1' $path; end",
    'end',
    '# Behind the first word without a dash, or --, nothing is an option of ours.',
    'function __holdfast_takes_options',
    '    for word in (commandline -opc)[3..]',
    "        string match -qr -- '^-(?!-$)' $word; or return 1",
    '    end',
    'end',
    '# Options take their values behind an equals sign, and not as the next word.',
    'function __holdfast_at_name',
    "    string match -qr -- '^-[^=]*$' (commandline -ct)",
    'end',
    'function __holdfast_at_value',
    "    string match -q -- '--*=*' (commandline -ct)",
    'end',
    'complete -c holdfast -f',
    ...commands.map(
      ({ name, summary }) => `complete -c holdfast -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ),
    `complete -c holdfast -n __fish_use_subcommand -a help -d 'the help of a command'`,
    `complete -c holdfast -n '__fish_seen_subcommand_from help' -a ${quoted(commands.map(({ name }) => name).join(' '))}`,
  ];
  for (const { name, options, operand } of commands) {
    const seen = `__fish_seen_subcommand_from ${name}`;
    const taken = operand === 'command' ? `${seen}; and __holdfast_takes_options` : seen;
    for (const { name, help, takesValue, kind, words } of options) {
      const said = `-d ${quoted(help)}`;
      if (!takesValue) {
        lines.push(`complete -c holdfast -n '${taken}' -l ${name} ${said}`);
        continue;
      }
      lines.push(
        `complete -c holdfast -n '${taken}; and __holdfast_at_name' -a '--${name}=' ${said}`,
        `complete -c holdfast -n '${taken}; and __holdfast_at_value' -l ${name} -r ${answers[kind](words)} ${said}`,
      );
    }
    if (operand !== 'none') lines.push(`complete -c holdfast -n '${seen}' ${answers[operand]([])}`);
  }
  return `${lines.join('\n')}\n`;
}

ensureDirSync(directory);
writeFileSync(join(directory, 'holdfast.bash'), bash());
writeFileSync(join(directory, '_holdfast'), zsh());
writeFileSync(join(directory, 'holdfast.fish'), fish());
