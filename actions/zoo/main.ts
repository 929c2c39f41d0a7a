// `npm run models` as a program of its own.
import { runModelsCommand } from './command.ts';

process.exitCode = await runModelsCommand(process.argv.slice(2));
