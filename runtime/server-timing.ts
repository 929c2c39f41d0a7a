/**
 * Name of the response header of /init and /run that carries the measured phases in the standard `Server-Timing` form:
 * `init;dur=4.1, load;dur=0.3, run;dur=45.2` and `slot;desc="resident"`, where `slot` is where the code went:
 * `resident` (artifacts pre-loaded), `retained` (the same action's frozen slot), `blank` (a ready slot) or `spawned`.
 */
export const serverTimingHeader = 'server-timing';
