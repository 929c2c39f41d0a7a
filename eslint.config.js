import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const wallClock = ['Date', 'performance', 'setTimeout', 'setInterval', 'setImmediate'];
const ioGlobals = ['process', 'console', 'fetch', 'Buffer'];

export default tseslint.config(
  { ignores: ['build/', 'out/', 'node_modules/', 'coverage/', '.cache/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.cts'],
    extends: [...tseslint.configs.strict],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      eqeqeq: 'error',
    },
  },
  {
    // Decisions are functions of explicit state and time: no clock, no I/O, no randomness of their own.
    files: ['*/core/**/*.ts'],
    ignores: ['**/test/**'],
    rules: {
      'no-restricted-globals': ['error', ...wallClock, ...ioGlobals],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'Take a seeded random.' }],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^(?!\\.\\.?/)',
              message: 'A core imports nothing but its own files and the leaves of common/.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.cts', 'actions/*/**/*.js', 'actions/*.js'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { require: 'readonly', module: 'writable', exports: 'writable', Buffer: 'readonly', process: 'readonly', performance: 'readonly', __dirname: 'readonly', console: 'readonly' },
    },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  { files: ['eslint.config.js'], languageOptions: { sourceType: 'module' } },
  { files: ['**/test/**/*.ts'], rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
);
