# Writes schedulers.json: what diffusers (PyTorch) gives for the schedulers and the noise of ../.., with a function that
# stands in for the UNet. Made with diffusers 0.27.2 and PyTorch 1.13.0: python3 make-schedulers.py schedulers.json
import json
import sys

import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, LMSDiscreteScheduler, PNDMScheduler

classes = {c.__name__: c for c in (DDIMScheduler, EulerDiscreteScheduler, LMSDiscreteScheduler, PNDMScheduler)}
base = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
schedulers = []


def run(name, steps, **options):
    config = {**base, **options}
    scheduler = classes[name](**config)
    scheduler.set_timesteps(steps)
    x = torch.randn(16, generator=torch.Generator().manual_seed(7)) * scheduler.init_noise_sigma
    trajectory = []
    for t in scheduler.timesteps:
        answer = torch.sin(scheduler.scale_model_input(x, t) * 1.3 + float(t) / 300)
        x = scheduler.step(answer, t, x).prev_sample
        trajectory.append([round(float(v), 6) for v in x])
    schedulers.append(dict(
        config={"_class_name": name, **config}, steps=steps, timesteps=[float(t) for t in scheduler.timesteps],
        initNoiseSigma=float(scheduler.init_noise_sigma), trajectory=trajectory))


for spacing in ("leading", "linspace", "trailing"):
    for prediction in ("epsilon", "v_prediction"):
        common = dict(timestep_spacing=spacing, prediction_type=prediction, steps_offset=1)
        run("DDIMScheduler", 7, clip_sample=False, set_alpha_to_one=False, **common)
        run("EulerDiscreteScheduler", 7, **common)
        run("LMSDiscreteScheduler", 7, **common)
        run("PNDMScheduler", 7, skip_prk_steps=True, **common)
        run("PNDMScheduler", 7, skip_prk_steps=False, **common)
run("DDIMScheduler", 5)
run("DDIMScheduler", 6, beta_schedule="linear", prediction_type="sample", clip_sample=True, clip_sample_range=2.0)
run("DDIMScheduler", 6, beta_schedule="squaredcos_cap_v2", clip_sample=False)
run("EulerDiscreteScheduler", 6, beta_schedule="linear")
for name in ("EulerDiscreteScheduler", "LMSDiscreteScheduler"):
    for spacing in ("leading", "linspace"):
        run(name, 6, use_karras_sigmas=True, timestep_spacing=spacing)
run("PNDMScheduler", 2, skip_prk_steps=True, set_alpha_to_one=True)
run("PNDMScheduler", 1, skip_prk_steps=True)

noise = []
for seed, count in ((0, 16), (42, 256), (1234567, 36), (4294967295, 324)):
    drawn = torch.randn(count, generator=torch.Generator().manual_seed(seed))
    noise.append(dict(seed=seed, noise=[round(float(v), 6) for v in drawn]))
with open(sys.argv[1], "w") as file:
    json.dump(dict(schedulers=schedulers, noise=noise), file, separators=(",", ":"))
