"""Tiny copies of published checkpoints, saved as the libraries save theirs, below a root for ``MU_HUB_ROOT``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hub_data import VOCABULARY

from mu_conformance.tasks import registry

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENS = len(SPECIAL) + len(VOCABULARY)


def tokenizer(folder: Path) -> None:
    """A tokenizer of whole words in a folder."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {word: number for number, word in enumerate([*SPECIAL, *VOCABULARY])}
    made = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [("[CLS]", 2), ("[SEP]", 3)]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    named = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=made, eos_token="[SEP]", **named).save_pretrained(str(folder))


def preprocessor(folder: Path, **settings: Any) -> None:
    (folder / "preprocessor_config.json").write_text(json.dumps(settings), encoding="utf-8")


_SMALL = {
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}
_TEXT = {**_SMALL, "vocab_size": TOKENS, "max_position_embeddings": 600, "pad_token_id": 0}


def _image_config(architecture: str) -> Any:
    import transformers

    family = architecture.partition("-")[0]
    if family == "vit":
        return transformers.ViTConfig(**_SMALL, image_size=32, patch_size=16)
    if family == "resnet":
        return transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], layer_type="basic")
    if family == "swin":
        return transformers.SwinConfig(image_size=32, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4)
    if family == "mobilenet":
        return transformers.MobileNetV2Config(image_size=32, depth_multiplier=0.1, min_depth=4)
    return transformers.ConvNextConfig(image_size=32, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1])


def _text_config(architecture: str) -> Any:
    import transformers

    family = architecture.partition("-")[0]
    if family == "distilbert":
        sizes = {"dim": 8, "hidden_dim": 16, "n_layers": 1, "n_heads": 2}
        return transformers.DistilBertConfig(vocab_size=TOKENS, max_position_embeddings=600, **sizes)
    kinds = {
        "roberta": transformers.RobertaConfig,
        "electra": transformers.ElectraConfig,
        "deberta": transformers.DebertaV2Config,
        "albert": transformers.AlbertConfig,
    }
    more = {"embedding_size": 8} if family in ("electra", "albert") else {}
    return kinds.get(family, transformers.BertConfig)(**_TEXT, **more)


def _sound_config(architecture: str) -> Any:
    import transformers

    family = architecture.partition("-")[0]
    if family == "whisper":
        return transformers.WhisperConfig(
            num_mel_bins=16,
            max_source_positions=50,
            d_model=8,
            encoder_layers=1,
            encoder_attention_heads=2,
            encoder_ffn_dim=16,
            decoder_layers=1,
            decoder_attention_heads=2,
            decoder_ffn_dim=16,
            vocab_size=TOKENS,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=1,
        )
    kind = transformers.HubertConfig if family == "hubert" else transformers.Wav2Vec2Config
    return kind(
        **_SMALL,
        conv_dim=(8, 8, 8),
        conv_stride=(10, 8, 4),
        conv_kernel=(10, 8, 4),
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        vocab_size=TOKENS,
    )


def _base_model(config: Any) -> Any:
    """The bare backbone, whose checkpoint has no head of the task."""
    from transformers import AutoModel, VideoMAEForPreTraining

    if config.model_type == "videomae":
        return VideoMAEForPreTraining(config)
    return AutoModel.from_config(config)


def _latent_diffusion(folder: Path) -> None:
    from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8,),
        down_block_types=("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",),
        layers_per_block=1,
        cross_attention_dim=8,
        norm_num_groups=4,
        attention_head_dim=4,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(4, 4, 4, 4),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=2,
        latent_channels=4,
    ).save_pretrained(folder / "vae")
    text = {**_SMALL, "vocab_size": TOKENS, "max_position_embeddings": 77, "bos_token_id": 2, "eos_token_id": 3}
    CLIPTextModel(CLIPTextConfig(**text)).save_pretrained(folder / "text_encoder")
    tokenizer(folder / "tokenizer")
    PNDMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012).save_pretrained(
        folder / "scheduler"
    )


def _clip(folder: Path) -> None:
    from transformers import CLIPConfig, CLIPModel

    text = {**_SMALL, "vocab_size": TOKENS, "max_position_embeddings": 77, "bos_token_id": 2, "eos_token_id": 3}
    vision = {**_SMALL, "image_size": 32, "patch_size": 16}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).save_pretrained(folder)
    tokenizer(folder)
    preprocessor(folder, do_normalize=True, image_mean=[0.48, 0.46, 0.41], image_std=[0.27, 0.26, 0.28])


def write_checkpoint(task: str, architecture: str, root: Path) -> None:
    """A miniature of the checkpoint of a task's architecture, saved as the library saves its own."""
    import torch
    import transformers

    torch.manual_seed(0)
    folder = root / registry.hub_task(task).checkpoints[architecture]
    folder.mkdir(parents=True)
    if task == "image_classification":
        _base_model(_image_config(architecture)).save_pretrained(folder)
        preprocessor(
            folder, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225], size={"shortest_edge": 32}
        )
    elif task in ("sentiment", "relation_extraction"):
        _base_model(_text_config(architecture)).save_pretrained(folder)
        tokenizer(folder)
    elif task == "visual_reasoning":
        config = transformers.ViltConfig(
            **_TEXT, image_size=32, patch_size=16, num_images=2, modality_type_vocab_size=3
        )
        transformers.ViltForImagesAndTextClassification(config).save_pretrained(folder)
        tokenizer(folder)
        preprocessor(folder, image_mean=[0.5] * 3, image_std=[0.5] * 3, size={"shortest_edge": 384})
    elif task == "keyword_spotting":
        _base_model(_sound_config(architecture)).save_pretrained(folder)
        preprocessor(folder, do_normalize=True, sampling_rate=16_000)
    elif task == "action_recognition":
        config = transformers.VideoMAEConfig(
            **_SMALL,
            image_size=32,
            patch_size=16,
            num_frames=16,
            tubelet_size=2,
            decoder_hidden_size=8,
            decoder_num_hidden_layers=1,
            decoder_num_attention_heads=2,
            decoder_intermediate_size=16,
        )
        _base_model(config).save_pretrained(folder)
        preprocessor(
            folder, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225], size={"shortest_edge": 224}
        )
    elif task == "summarization":
        config = transformers.T5Config(
            vocab_size=TOKENS,
            d_model=8,
            d_kv=4,
            d_ff=16,
            num_layers=1,
            num_heads=2,
            feed_forward_proj="gated-gelu",
            tie_word_embeddings=False,
            decoder_start_token_id=0,
            pad_token_id=0,
            eos_token_id=3,
        )
        transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
        tokenizer(folder)
    elif task == "biography":
        kind = transformers.PhiConfig if architecture.startswith("phi") else transformers.LlamaConfig
        config = kind(**_TEXT, bos_token_id=2, eos_token_id=3)
        transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        tokenizer(folder)
    else:
        _latent_diffusion(folder)
        (root / "openai/clip-vit-base-patch32").mkdir(parents=True)
        _clip(root / "openai/clip-vit-base-patch32")
