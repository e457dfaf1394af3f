// `completion bash`: a script that completes commands and options, made of the commands themselves.
import { Argument, type Command } from 'commander';
import type { World } from './context';

/** Every command with its words, by its path: `templates push`. */
const wordsOf = (command: Command, path: string): [string, string[]][] => {
  const options = command.options.flatMap(({ long }) => long ?? []);
  const own: [string, string[]] = [path, [...command.commands.map((one) => one.name()), ...options, '--help']];
  return [own, ...command.commands.flatMap((one) => wordsOf(one, `${path} ${one.name()}`.trim()))];
};

const scriptOf = (program: Command): string => {
  const globals = program.options.flatMap(({ long }) => long ?? []);
  const cases = wordsOf(program, '').map(
    ([path, words]) =>
      `    "${path}") words="${[...new Set([...words, ...(path === '' ? [] : globals)])].join(' ')}" ;;`,
  );
  const paths = wordsOf(program, '').map(([path]) => `"${path}"`);
  return `# Completion of rohrpost for bash: source <(rohrpost completion bash)
_rohrpost() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words="" index next
  for ((index = 1; index < COMP_CWORD; index++)); do
    next="\${path:+$path }\${COMP_WORDS[index]}"
    case "$next" in
    ${paths.filter((path) => path !== '""').join(' | ')}) path="$next" ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _rohrpost rohrpost
`;
};

export const completionCommand = (program: Command, world: World): void => {
  program
    .command('completion')
    .summary('print a script for completion in the shell')
    .addArgument(new Argument('<shell>', 'bash').choices(['bash']))
    .description('Prints a script that makes the shell complete commands and options.')
    .addHelpText(
      'after',
      '\nExamples:\n  $ source <(rohrpost completion bash)\n  $ rohrpost completion bash > ~/.local/share/bash-completion/completions/rohrpost',
    )
    .action(() => void world.stdout.write(scriptOf(program)));
};
