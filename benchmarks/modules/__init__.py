"""A torch.nn.Module trained through a recipe beside the plain loop."""
