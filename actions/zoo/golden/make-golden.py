"""Makes the golden data of the tiny Stable Diffusion pipeline with an implementation independent of this project: PyTorch,
transformers' CLIPTextModel and diffusers' UNet2DConditionModel, AutoencoderKL and schedulers.

    npm run models -- build --small --only stable-diffusion --dir /tmp/tiny
    python3 actions/zoo/golden/make-golden.py /tmp/tiny/stable-diffusion actions/zoo/golden

Made with PyTorch 1.13, transformers 4.38.2, diffusers 0.27.2, huggingface_hub 0.23.5, onnx, numpy. The weights are read from
the ONNX files by name and must fit the modules' state dicts exactly (strict=True). With --state-dicts it writes the names
and shapes of the full-size modules instead (needs 5 GB of memory).
"""
import gzip
import json
import sys
from pathlib import Path

import numpy
import onnx
import onnx.numpy_helper
import torch
from diffusers import AutoencoderKL, DDIMScheduler, EulerDiscreteScheduler, LMSDiscreteScheduler, PNDMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, CLIPTokenizerFast

PROMPT = "A photograph of an old house by the river, 35mm film, it's raining; naïve"
NEGATIVE_PROMPT = "blurry, low quality"
GUIDANCE = 7.5
SCHEDULERS = {"DDIM": DDIMScheduler, "Euler": EulerDiscreteScheduler, "LMS": LMSDiscreteScheduler, "PNDM": PNDMScheduler}
STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000, "steps_offset": 1}
CONFIGS = [
    ("DDIM", {"set_alpha_to_one": False, "clip_sample": False, "timestep_spacing": "leading"}, 5),
    ("DDIM", {"set_alpha_to_one": True, "clip_sample": False, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}, 7),
    ("DDIM", {"set_alpha_to_one": False, "clip_sample": False, "timestep_spacing": "linspace", "beta_schedule": "linear"}, 6),
    ("DDIM", {"set_alpha_to_one": False, "clip_sample": True, "timestep_spacing": "leading"}, 4),
    ("Euler", {"timestep_spacing": "leading"}, 5),
    ("Euler", {"timestep_spacing": "linspace"}, 7),
    ("Euler", {"timestep_spacing": "trailing", "prediction_type": "v_prediction"}, 6),
    ("Euler", {"timestep_spacing": "leading", "use_karras_sigmas": True}, 6),
    ("PNDM", {"skip_prk_steps": True, "set_alpha_to_one": False, "timestep_spacing": "leading"}, 6),
    ("PNDM", {"skip_prk_steps": True, "set_alpha_to_one": True, "timestep_spacing": "linspace", "prediction_type": "v_prediction"}, 5),
    ("PNDM", {"skip_prk_steps": True, "set_alpha_to_one": False, "timestep_spacing": "leading"}, 1),
    ("LMS", {"timestep_spacing": "leading"}, 6),
    ("LMS", {"timestep_spacing": "linspace", "prediction_type": "v_prediction"}, 5),
    ("LMS", {"timestep_spacing": "trailing"}, 2),
]


def weights_of(folder):
    model = onnx.load(str(folder / "model.onnx"))
    return {tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy()) for tensor in model.graph.initializer}


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def clip_config(config):
    return CLIPTextConfig(**{key: value for key, value in config.items() if key != "model_type"})


def vae_weights(vae, weights):
    """The decoding half; the encoder keeps what it has."""
    own = vae.state_dict()
    expected = {name for name in own if name.startswith(("decoder.", "post_quant_conv."))}
    assert set(weights) == expected, sorted(set(weights) ^ expected)
    vae.load_state_dict({**own, **weights}, strict=True)


def numbers(tensor):
    return [float(f"{value:.7g}") for value in tensor.detach().double().flatten().tolist()]


def described(tensor):
    return {"dims": list(tensor.shape), "values": numbers(tensor)}


def model_output(sample, timestep):
    """Stands for the UNet in the trajectories: a formula that both sides can compute."""
    index = torch.arange(sample.numel(), dtype=torch.float64).reshape(sample.shape)
    return 0.3 * sample + 0.5 * torch.sin(index + float(timestep) / 100)


def trajectory(kind, config, steps):
    scheduler = SCHEDULERS[kind].from_config({**STABLE_DIFFUSION, **config})
    scheduler.set_timesteps(steps)
    noise = torch.cos(torch.arange(8, dtype=torch.float64) * 1.7).reshape(1, 2, 2, 2) * 1.5
    sample = noise * float(scheduler.init_noise_sigma)
    samples, inputs = [], []
    for timestep in scheduler.timesteps:
        scaled = scheduler.scale_model_input(sample, timestep)
        inputs.append(numbers(scaled))
        extra = {"eta": 0.0} if kind == "DDIM" else {}
        sample = scheduler.step(model_output(scaled, timestep), timestep, sample, **extra).prev_sample.double()
        samples.append(numbers(sample))
    return {
        "config": {"_class_name": SCHEDULERS[kind].__name__, **STABLE_DIFFUSION, **config},
        "steps": steps,
        "timesteps": [float(timestep) for timestep in scheduler.timesteps],
        "initNoiseSigma": float(scheduler.init_noise_sigma),
        "noise": numbers(noise),
        "modelInputs": inputs,
        "samples": samples,
    }


def denoise(unet, embeddings, latents, kind, config, steps):
    """The loop of diffusers' StableDiffusionPipeline with classifier-free guidance."""
    scheduler = SCHEDULERS[kind].from_config({**STABLE_DIFFUSION, **config})
    scheduler.set_timesteps(steps)
    latents = latents * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        doubled = scheduler.scale_model_input(torch.cat([latents] * 2), timestep)
        without, with_text = unet(doubled, timestep, encoder_hidden_states=embeddings).sample.chunk(2)
        latents = scheduler.step(without + GUIDANCE * (with_text - without), timestep, latents).prev_sample
    return latents


def make(pipeline, out):
    text = CLIPTextModel(clip_config(config_of(pipeline / "text_encoder"))).eval()
    # Newer versions keep `position_ids` out of the state dict; nothing else may be missing.
    text.load_state_dict(weights_of(pipeline / "text_encoder"), strict=True)
    unet = UNet2DConditionModel.from_config(config_of(pipeline / "unet")).eval()
    unet.load_state_dict(weights_of(pipeline / "unet"), strict=True)
    vae = AutoencoderKL.from_config(config_of(pipeline / "vae_decoder")).eval()
    vae_weights(vae, weights_of(pipeline / "vae_decoder"))
    tokenizer = CLIPTokenizer.from_pretrained(str(pipeline / "tokenizer"))
    fast = CLIPTokenizerFast.from_pretrained(str(pipeline / "tokenizer"))

    def save(name, value):
        (out / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False) + "\n")

    prompts = [PROMPT, NEGATIVE_PROMPT, "", "HELLO   World!! it's 2024 #ai_art", "猫 and 🚀", "a " * 100]
    encoded = []
    for prompt in prompts:
        ids = tokenizer(prompt, padding="max_length", max_length=77, truncation=True).input_ids
        assert ids == fast(prompt, padding="max_length", max_length=77, truncation=True).input_ids, prompt
        encoded.append({"prompt": prompt, "ids": ids})
    save("token-ids", encoded)

    with torch.no_grad():
        ids = torch.tensor([encoded[1]["ids"], encoded[0]["ids"]])
        result = text(ids)
        save("text-embeddings", {"inputIds": ids.tolist(), "lastHiddenState": described(result.last_hidden_state), "poolerOutput": described(result.pooler_output)})
        embeddings = result.last_hidden_state
        generator = torch.Generator().manual_seed(7)
        sample = torch.randn(2, 4, 8, 8, generator=generator)
        step = unet(sample, torch.tensor(481.0), encoder_hidden_states=embeddings).sample
        save("unet-step", {"sample": described(sample), "timestep": 481, "encoderHiddenStates": "lastHiddenState of text-embeddings.json", "outSample": described(step)})
        latent = torch.randn(1, 4, 4, 6, generator=generator)
        save("decoded-image", {"latentSample": described(latent), "sample": described(vae.decode(latent).sample)})
        noise = torch.randn(1, 4, 8, 8, generator=generator)
        runs = []
        for kind, config, steps in (("DDIM", CONFIGS[0][1], 3), ("Euler", CONFIGS[4][1], 3), ("PNDM", CONFIGS[8][1], 4), ("LMS", CONFIGS[11][1], 4)):
            latents = denoise(unet, embeddings, noise, kind, config, steps)
            runs.append({"config": {"_class_name": SCHEDULERS[kind].__name__, **STABLE_DIFFUSION, **config}, "steps": steps, "latents": described(latents)})
        image = vae.decode(latents / 0.18215).sample
        save("end-to-end", {"prompt": PROMPT, "negativePrompt": NEGATIVE_PROMPT, "guidanceScale": GUIDANCE, "noise": described(noise), "runs": runs, "lastImageTopRows": {"rows": 4, **described(image[:, :, :4, :])}})
    save("scheduler-trajectories", {"modelOutput": "0.3 * scaledSample[i] + 0.5 * sin(i + timestep / 100)", "trajectories": [trajectory(*config) for config in CONFIGS]})


def state_dicts(out):
    parts = {
        "text_encoder": CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, projection_dim=768)).state_dict(),
        "unet": UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8).state_dict(),
    }
    vae = AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4, sample_size=512)
    parts["vae_decoder"] = {name: value for name, value in vae.state_dict().items() if name.startswith(("decoder.", "post_quant_conv."))}
    shapes = {part: {name: list(value.shape) for name, value in state.items()} for part, state in parts.items()}
    (out / "state-dicts.json.gz").write_bytes(gzip.compress(json.dumps(shapes).encode(), mtime=0))


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "--state-dicts":
        state_dicts(Path(sys.argv[2]))
    else:
        make(Path(sys.argv[1]), Path(sys.argv[2]))
