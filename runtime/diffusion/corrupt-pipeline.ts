// The error for a pipeline whose files are missing, unreadable, or do not fit each other.
import { AppError } from '../../common/errors.ts';

const again = 'Export the pipeline again, with all of model_index.json, text_encoder, unet, vae_decoder, tokenizer and scheduler.';

/** @param problem a sentence without its full stop that names the file */
export const corruptPipeline = (problem: string, cause?: unknown, fix = again): AppError => new AppError('PIPELINE_CORRUPT', `${problem}.`, fix, { cause });
