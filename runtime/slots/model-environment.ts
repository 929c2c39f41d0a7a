// The variables that tell an action where its declared models lie: for code that opens files itself. Nothing is in them
// that the action does not declare.

/** `MODEL_RESNET50_PATH` for `resnet50`: what a variable's name cannot hold is an underscore. */
export const modelVariable = (name: string): string => `MODEL_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_PATH`;

/**
 * `MODEL_PATH` is the first model's file, `MODEL_<NAME>_PATH` each one's. Of two names that give the same variable, the
 * one declared first has it.
 */
export function modelEnvironment(models: readonly { readonly name: string; readonly file: string }[]): Record<string, string> {
  const named = models.toReversed().map(({ name, file }) => [modelVariable(name), file] as const);
  return { ...Object.fromEntries(named), ...(models[0] === undefined ? {} : { MODEL_PATH: models[0].file }) };
}
