// What an operator can set of the Proactive Pre-loader, in base units and with nothing optional.

export interface PreloaderConfig {
  /** P_load: a load is due once the next arrival has become this likely. */
  readonly loadProbability: number;
  /** P_offload: artifacts are expendable once the next arrival should have come with this probability. */
  readonly offloadProbability: number;
  /** Whether plans carry pre-warm and keep-alive windows. Off where keep-alive has to be the same for all actions. */
  readonly planContainerWindows: boolean;
  /** Actions remembered at once; for the next, the one called least of those seen longest ago is forgotten. */
  readonly mostActions: number;
  /** Whether plans name the invokers that a stock controller will send the action to. Off where there is one invoker. */
  readonly placeActions: boolean;
}

/** The paper's probabilities (InstaInfer, SoCC'24). */
export const defaultPreloaderConfig: PreloaderConfig = {
  loadProbability: 0.06,
  offloadProbability: 0.94,
  planContainerWindows: true,
  mostActions: 20_000,
  placeActions: false,
};
