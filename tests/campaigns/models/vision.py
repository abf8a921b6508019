"""Models of images."""

from __future__ import annotations

from tests.campaigns.models.model import Mistake, Model

MODELS = (
    Model(
        "a CNN with batches and an accuracy",
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
                self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
                self.fc = nn.Linear(16 * 2 * 2, 10)

            def forward(self, x):
                x = F.max_pool2d(F.relu(self.conv1(x)), 2)
                x = F.max_pool2d(F.relu(self.conv2(x)), 2)
                return self.fc(x.flatten(1))


        @step(outputs=("images", "labels"), random=True)
        def digits():
            return torch.rand(48, 1, 8, 8), torch.randint(0, 10, (48,))


        @step(outputs=("weights", "history"), random=True)
        def train(images, labels, *, epochs: int = 2):
            net = Net()
            optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
            loader = DataLoader(TensorDataset(images, labels), batch_size=16, shuffle=True)
            history = []
            for epoch in range(epochs):
                running, correct = 0.0, 0
                for x, y in loader:
                    optimizer.zero_grad()
                    out = net(x)
                    loss = F.cross_entropy(out, y)
                    loss.backward()
                    optimizer.step()
                    running += float(loss.detach()) * x.size(0)
                    correct += int((out.argmax(dim=1) == y).sum())
                print(f"epoch {epoch}: {running / len(images):.3f}, {correct / len(images):.1%}")
                history.append(running / len(images))
            return dict(net.state_dict()), history


        @step(outputs="confusion")
        def test(weights, images, labels):
            net = Net()
            net.load_state_dict(weights)
            net.eval()
            with torch.no_grad():
                guess = net(images).argmax(1)
            confusion = torch.zeros(10, 10, dtype=torch.long)
            for t, p in zip(labels, guess):
                confusion[t, p] += 1
            return confusion
        """,
        (
            Mistake(
                "the wrong width after pooling",
                "nn.Linear(16 * 2 * 2, 10)",
                "nn.Linear(16 * 4 * 4, 10)",
            ),
            Mistake("channels that do not follow", "nn.Conv2d(8, 16", "nn.Conv2d(1, 16"),
            Mistake(
                "targets of another dtype",
                "F.cross_entropy(out, y)",
                "F.cross_entropy(out, y.float())",
            ),
            Mistake("not flattened", "self.fc(x.flatten(1))", "self.fc(x)"),
            Mistake(
                "argmax over the rows", "net(images).argmax(1)", "net(images).argmax(0)", "unknown"
            ),
        ),
    ),
    Model(
        "a ResNet with a projection, trained under autocast",
        """
        class Block(nn.Module):
            def __init__(self, inside, outside, stride=1):
                super().__init__()
                self.body = nn.Sequential(
                    nn.Conv2d(inside, outside, 3, stride, 1, bias=False),
                    nn.BatchNorm2d(outside),
                    nn.ReLU(inplace=True),
                    nn.Conv2d(outside, outside, 3, 1, 1, bias=False),
                    nn.BatchNorm2d(outside),
                )
                self.skip = nn.Identity()
                if stride != 1 or inside != outside:
                    self.skip = nn.Conv2d(inside, outside, 1, stride, bias=False)

            def forward(self, x):
                return F.relu(self.body(x) + self.skip(x))


        @step(outputs=("scores", "norm"), random=True)
        def train():
            x, y = torch.rand(12, 3, 16, 16), torch.randint(0, 5, (12,))
            net = nn.Sequential(
                Block(3, 8), Block(8, 16, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                nn.Linear(16, 5),
            )
            for module in net.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True)
            scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=3)
            scaler = torch.amp.GradScaler("cpu")
            for _ in range(3):
                optimizer.zero_grad(set_to_none=True)
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    loss = F.cross_entropy(net(x), y, label_smoothing=0.1)
                scaler.scale(loss).backward()
                scaler.unscale_(optimizer)
                norm = nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                scaler.step(optimizer)
                scaler.update()
                scheduler.step()
            net.eval()
            return net(x).detach(), norm.item()
        """,
        (
            Mistake(
                "no projection where the stride is 2",
                "if stride != 1 or inside != outside:",
                "if False:",
            ),
            Mistake(
                "a norm for the wrong channels",
                "nn.BatchNorm2d(outside),\n                    nn.ReLU",
                "nn.BatchNorm2d(inside),\n                    nn.ReLU",
            ),
            Mistake(
                "no flatten before the last layer",
                "nn.AdaptiveAvgPool2d(1), nn.Flatten(),",
                "nn.AdaptiveAvgPool2d(1),",
            ),
            Mistake(
                "the padding forgotten",
                "nn.Conv2d(outside, outside, 3, 1, 1, bias=False)",
                "nn.Conv2d(outside, outside, 3, 1, 0, bias=False)",
            ),
        ),
    ),
    Model(
        "a vision transformer",
        """
        class ViT(nn.Module):
            def __init__(self, size=16, patch=4, width=32, classes=10):
                super().__init__()
                self.patch = patch
                self.embed = nn.Linear(3 * patch * patch, width)
                self.cls = nn.Parameter(torch.zeros(1, 1, width))
                self.position = nn.Parameter(torch.randn(1, (size // patch) ** 2 + 1, width) * 0.02)
                layer = nn.TransformerEncoderLayer(
                    width, 4, 64, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
                )
                self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
                self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))

            def forward(self, x):
                n, c, h, w = x.shape
                p = self.patch
                x = x.reshape(n, c, h // p, p, w // p, p).permute(0, 2, 4, 1, 3, 5)
                x = self.embed(x.reshape(n, (h // p) * (w // p), c * p * p))
                x = torch.cat([self.cls.expand(n, -1, -1), x], dim=1) + self.position
                return self.head(self.encoder(x)[:, 0])


        @step(outputs=("top", "rates"), random=True)
        def fit():
            x, y = torch.rand(8, 3, 16, 16), torch.randint(0, 10, (8,))
            net = ViT()
            optimizer = torch.optim.AdamW(net.parameters(), lr=3e-4, weight_decay=0.05)
            warm = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=2)
            cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 3)
            plan = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, cosine], milestones=[2])
            rates = []
            for _ in range(4):
                loss = F.cross_entropy(net(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                plan.step()
                rates.append(plan.get_last_lr()[0])
                if not math.isfinite(loss.item()):
                    raise RuntimeError("the loss is not finite")
            net.eval()
            values, classes = net(x).softmax(-1).topk(3, dim=-1)
            return classes, rates
        """,
        (
            Mistake(
                "no place for the class token",
                "(size // patch) ** 2 + 1, width)",
                "(size // patch) ** 2, width)",
            ),
            Mistake("the class token not expanded", "self.cls.expand(n, -1, -1)", "self.cls"),
            Mistake(
                "a patch of one channel",
                "nn.Linear(3 * patch * patch, width)",
                "nn.Linear(patch * patch, width)",
            ),
            Mistake("heads that do not divide the width", "width, 4, 64", "width, 5, 64"),
            Mistake("more classes asked for than there are", "topk(3, dim=-1)", "topk(12, dim=-1)"),
        ),
    ),
    Model(
        "a convolutional autoencoder with noise",
        """
        @step(outputs="images", random=True)
        def images():
            return torch.rand(20, 1, 12, 12)


        @step(outputs=("codes", "psnr"), random=True)
        def denoise(images):
            encoder = nn.Sequential(
                nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(),
                nn.Conv2d(8, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(36, 6),
            )
            decoder = nn.Sequential(
                nn.Linear(6, 36), nn.Unflatten(1, (4, 3, 3)), nn.Upsample(scale_factor=2),
                nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),
                nn.Conv2d(8, 1, 3, padding=1), nn.Sigmoid(),
            )
            parameters = [*encoder.parameters(), *decoder.parameters()]
            optimizer = torch.optim.RMSprop(parameters, lr=1e-3)
            for batch in DataLoader(images, batch_size=5, shuffle=True):
                noisy = (batch + 0.1 * torch.randn_like(batch)).clamp(0, 1)
                loss = F.mse_loss(decoder(encoder(noisy)), batch)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                codes = encoder(images)
                error = ((decoder(codes) - images) ** 2).mean(dim=(1, 2, 3))
            return codes, [10 * math.log10(1 / max(e, 1e-9)) for e in error.tolist()]
        """,
        (
            Mistake("the wrong width of the code", "nn.Linear(36, 6)", "nn.Linear(64, 6)"),
            Mistake(
                "unflattened to other sizes",
                "nn.Unflatten(1, (4, 3, 3))",
                "nn.Unflatten(1, (4, 4, 3))",
            ),
            Mistake(
                "one upsampling missing",
                "nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2),",
                "nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(),",
            ),
            Mistake(
                "images of bytes",
                "torch.rand(20, 1, 12, 12)",
                "torch.rand(20, 1, 12, 12).mul(255).byte()",
            ),
            Mistake(
                "a mean over a dimension that is not there",
                "mean(dim=(1, 2, 3))",
                "mean(dim=(1, 2, 4))",
            ),
        ),
    ),
)
