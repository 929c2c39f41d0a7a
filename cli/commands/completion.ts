// `instainfer completion SHELL`: a script that completes the commands, and of each command the options that its help names.
import { AppError } from '../../common/errors.ts';
import { exitCodes } from '../command.ts';

const usage = 'usage: instainfer completion bash|zsh\n\nPrints a script for the shell: source <(instainfer completion bash)\n';

const shells: Readonly<Record<string, string>> = {
  bash: '',
  // zsh takes bash's completions with this.
  zsh: 'autoload -U +X bashcompinit && bashcompinit\n',
};

export async function runCompletion(argv: readonly string[], commandNames: readonly string[]): Promise<number> {
  const [shell = '--help'] = argv;
  if (shell === '--help' || shell === '-h') {
    process.stdout.write(usage);
    return Promise.resolve(argv.length === 0 ? exitCodes.badUsage : exitCodes.ok);
  }
  const preamble = Object.hasOwn(shells, shell) ? shells[shell] : undefined;
  if (preamble === undefined) throw new AppError('BAD_OPTION', `There is no completion for '${shell}'.`, `Take one of ${Object.keys(shells).join(', ')}.`);
  process.stdout.write(`${preamble}${script(commandNames)}`);
  return exitCodes.ok;
}

function script(commandNames: readonly string[]): string {
  return `_instainfer() {
  local current=\${COMP_WORDS[COMP_CWORD]}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commandNames.join(' ')}" -- "$current"))
  elif [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$("\${COMP_WORDS[0]}" "\${COMP_WORDS[1]}" --help 2>/dev/null | grep -o '^  --[a-z0-9-]*')" -- "$current"))
  fi
}
complete -o default -F _instainfer instainfer
`;
}
