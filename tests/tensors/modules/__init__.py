"""Tests of torch.nn.Modules as models: `Model.of_module`."""
