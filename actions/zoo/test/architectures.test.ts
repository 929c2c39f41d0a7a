import { strict as assert } from 'node:assert';
import { describeArchitecture, modelNames } from '../architectures/index.ts';
import { parameterCount, weightBytes } from '../graph-builder.ts';

/** As counted in PyTorch: `sum(p.numel() for p in model.parameters())`, auxiliary heads left out. */
const parameterCounts: Record<(typeof modelNames)[number], number> = {
  resnet18: 11_689_512,
  resnet50: 25_557_032,
  resnet152: 60_192_808,
  alexnet: 61_100_840,
  vgg19: 143_667_240,
  'inception-v3': 23_834_568,
  googlenet: 6_624_904,
  'bert-base': 109_482_240,
};

/** A handful of entries of each state dict. */
const stateDictEntries: Record<(typeof modelNames)[number], Record<string, number[]>> = {
  resnet18: {
    'conv1.weight': [64, 3, 7, 7],
    'bn1.running_var': [64],
    'layer1.0.conv2.weight': [64, 64, 3, 3],
    'layer2.0.downsample.0.weight': [128, 64, 1, 1],
    'layer4.1.bn2.bias': [512],
    'fc.weight': [1000, 512],
  },
  resnet50: {
    'layer1.0.conv3.weight': [256, 64, 1, 1],
    'layer1.0.downsample.1.running_mean': [256],
    'layer3.5.conv2.weight': [256, 256, 3, 3],
    'layer4.2.bn3.weight': [2048],
    'fc.bias': [1000],
  },
  resnet152: { 'layer2.7.conv1.weight': [128, 512, 1, 1], 'layer3.35.conv3.weight': [1024, 256, 1, 1], 'fc.weight': [1000, 2048] },
  alexnet: {
    'features.0.weight': [64, 3, 11, 11],
    'features.10.bias': [256],
    'classifier.1.weight': [4096, 9216],
    'classifier.4.weight': [4096, 4096],
    'classifier.6.bias': [1000],
  },
  vgg19: {
    'features.0.weight': [64, 3, 3, 3],
    'features.16.weight': [256, 256, 3, 3],
    'features.34.weight': [512, 512, 3, 3],
    'classifier.0.weight': [4096, 25088],
    'classifier.3.bias': [4096],
    'classifier.6.weight': [1000, 4096],
  },
  'inception-v3': {
    'Conv2d_1a_3x3.conv.weight': [32, 3, 3, 3],
    'Mixed_5b.branch5x5_2.conv.weight': [64, 48, 5, 5],
    'Mixed_5d.branch_pool.bn.running_mean': [64],
    'Mixed_6a.branch3x3.conv.weight': [384, 288, 3, 3],
    'Mixed_6c.branch7x7dbl_2.conv.weight': [160, 160, 7, 1],
    'Mixed_6e.branch7x7_2.conv.weight': [192, 192, 1, 7],
    'Mixed_7a.branch7x7x3_4.conv.weight': [192, 192, 3, 3],
    'Mixed_7c.branch3x3dbl_3b.conv.weight': [384, 384, 3, 1],
    'fc.weight': [1000, 2048],
  },
  googlenet: {
    'conv1.conv.weight': [64, 3, 7, 7],
    'inception3a.branch1.conv.weight': [64, 192, 1, 1],
    'inception4b.branch3.1.conv.weight': [64, 24, 3, 3],
    'inception5b.branch4.1.bn.weight': [128],
    'fc.weight': [1000, 1024],
  },
  'bert-base': {
    'embeddings.word_embeddings.weight': [30522, 768],
    'embeddings.token_type_embeddings.weight': [2, 768],
    'embeddings.LayerNorm.bias': [768],
    'encoder.layer.0.attention.self.query.weight': [768, 768],
    'encoder.layer.5.attention.output.LayerNorm.weight': [768],
    'encoder.layer.11.intermediate.dense.weight': [3072, 768],
    'encoder.layer.11.output.dense.weight': [768, 3072],
    'pooler.dense.weight': [768, 768],
  },
};

/** Entries of each state dict without the counters of batches; `named_parameters` plus running means and variances. */
const stateDictSizes: Record<(typeof modelNames)[number], number> = {
  resnet18: 102,
  resnet50: 267,
  resnet152: 777,
  alexnet: 16,
  vgg19: 38,
  'inception-v3': 472,
  googlenet: 287,
  'bert-base': 199,
};

describe('the architectures of the zoo', () => {
  for (const name of modelNames) {
    const { graph, sampleInputs } = describeArchitecture(name, 'full');
    const weights = new Map(graph.weights.map((weight) => [weight.name, weight.dims]));

    it(`${name} has ${parameterCounts[name].toLocaleString('en')} trainable parameters`, () => {
      assert.equal(parameterCount(graph), parameterCounts[name]);
    });

    it(`${name} names and shapes its weights as the original's state dict does`, () => {
      for (const [entry, dims] of Object.entries(stateDictEntries[name])) assert.deepEqual(weights.get(entry), dims, entry);
      assert.equal(graph.weights.length, stateDictSizes[name]);
      assert.equal(weights.size, graph.weights.length, 'a name is taken twice');
    });

    it(`${name} declares a sample input for each of its inputs`, () => {
      assert.deepEqual(Object.keys(sampleInputs), graph.inputs.map((input) => input.name));
    });

    it(`${name} has a small form with the same inputs and outputs and under 6 MB of weights`, () => {
      const small = describeArchitecture(name, 'small').graph;
      assert.deepEqual(small.inputs.map((input) => input.name), graph.inputs.map((input) => input.name));
      assert.deepEqual(small.outputs.map((output) => output.name), graph.outputs.map((output) => output.name));
      assert.ok(weightBytes(small) < 6e6, `${weightBytes(small)} bytes`);
    });
  }
});
