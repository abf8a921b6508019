"""Generative models."""

from __future__ import annotations

from tests.campaigns.models.model import Mistake, Model

MODELS = (
    Model(
        "a VAE",
        """
        class VAE(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc1, self.mean = nn.Linear(36, 20), nn.Linear(20, 4)
                self.log = nn.Linear(20, 4)
                self.fc3, self.fc4 = nn.Linear(4, 20), nn.Linear(20, 36)

            def encode(self, x):
                h = F.relu(self.fc1(x))
                return self.mean(h), self.log(h)

            def forward(self, x):
                mu, logvar = self.encode(x.view(-1, 36))
                z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
                return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar


        @step(outputs=("samples", "elbo"), random=True)
        def train():
            data = torch.rand(30, 1, 6, 6)
            net = VAE()
            optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
            total = 0
            for x in DataLoader(data, batch_size=10, shuffle=True):
                out, mu, logvar = net(x)
                bce = F.binary_cross_entropy(out, x.view(-1, 36), reduction="sum")
                kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
                loss = bce + kld
                optimizer.zero_grad()
                loss.backward()
                total += loss.item()
                optimizer.step()
            with torch.no_grad():
                samples = net.fc4(net.fc3(torch.randn(5, 4)).relu()).sigmoid().view(5, 1, 6, 6)
            return samples, -total / len(data)
        """,
        (
            Mistake(
                "images compared with rows",
                "F.binary_cross_entropy(out, x.view(-1, 36),",
                "F.binary_cross_entropy(out, x,",
            ),
            Mistake("samples of another width", "torch.randn(5, 4)", "torch.randn(5, 20)"),
            Mistake("the wrong size of an image", "x.view(-1, 36))\n", "x.view(-1, 25))\n"),
            Mistake(
                "a variance of another width",
                "nn.Linear(20, 4)\n                self.fc3",
                "nn.Linear(20, 2)\n                self.fc3",
            ),
        ),
    ),
    Model(
        "a GAN with two optimizers",
        """
        @step(outputs=("fakes", "curves"), random=True)
        def train():
            real = torch.randn(32, 1, 8, 8)
            G = nn.Sequential(
                nn.ConvTranspose2d(10, 16, 4), nn.BatchNorm2d(16), nn.ReLU(),
                nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1), nn.Tanh(),
            )
            D = nn.Sequential(
                nn.utils.parametrizations.spectral_norm(nn.Conv2d(1, 8, 4, 2, 1)),
                nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(8 * 16, 1),
            )
            opt_g = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
            opt_d = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))
            criterion = nn.BCEWithLogitsLoss()
            curves = {"d": [], "g": []}
            for start in range(0, 32, 8):
                batch = real[start : start + 8]
                ones, zeros = torch.ones(8, 1), torch.zeros(8, 1)
                noise = torch.randn(8, 10, 1, 1)
                opt_d.zero_grad()
                fake = G(noise)
                loss_d = criterion(D(batch), ones) + criterion(D(fake.detach()), zeros)
                loss_d.backward()
                opt_d.step()
                opt_g.zero_grad()
                loss_g = criterion(D(fake), ones)
                loss_g.backward()
                opt_g.step()
                curves["d"].append(loss_d.item())
                curves["g"].append(loss_g.item())
                print("[%d] loss_d %.3f loss_g %.3f" % (start, loss_d.item(), loss_g.item()))
            return fake.detach(), curves
        """,
        (
            Mistake("noise without places", "torch.randn(8, 10, 1, 1)", "torch.randn(8, 10)"),
            Mistake(
                "the wrong width of the last layer", "nn.Linear(8 * 16, 1)", "nn.Linear(8 * 64, 1)"
            ),
            Mistake(
                "targets that lack a dimension",
                "ones, zeros = torch.ones(8, 1), torch.zeros(8, 1)",
                "ones, zeros = torch.ones(8), torch.zeros(8)",
            ),
            Mistake("the graph freed before its second use", "D(fake.detach())", "D(fake)"),
            Mistake(
                "whole numbers as targets",
                "torch.zeros(8, 1)\n",
                "torch.zeros(8, 1, dtype=torch.bool)\n",
            ),
        ),
    ),
    Model(
        "diffusion with an embedding of time, and averaged weights",
        """
        def embed(t, width):
            rates = torch.exp(-math.log(1000) * torch.arange(width // 2) / (width // 2))
            angles = t[:, None].float() * rates[None]
            return torch.cat([angles.sin(), angles.cos()], dim=-1)


        class Denoiser(nn.Module):
            def __init__(self, width=16):
                super().__init__()
                self.width = width
                self.time = nn.Sequential(nn.Linear(width, 32), nn.SiLU(), nn.Linear(32, 32))
                self.inside, self.outside = nn.Linear(2, 32), nn.Linear(32, 2)

            def forward(self, x, t):
                h = F.silu(self.inside(x) + self.time(embed(t, self.width)))
                return self.outside(h)


        @step(outputs=("samples", "loss"), random=True)
        def diffuse():
            data = torch.randn(64, 2) * 0.3 + 1
            betas = torch.linspace(1e-4, 0.02, 20)
            alphas = 1 - betas
            bar = torch.cumprod(alphas, dim=0)
            net = Denoiser()
            ema = torch.optim.swa_utils.AveragedModel(
                net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)
            )
            optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
            for _ in range(3):
                x0 = data[torch.randperm(64)[:16]]
                t = torch.randint(0, 20, (16,))
                noise = torch.randn_like(x0)
                a = bar[t].unsqueeze(1)
                xt = a.sqrt() * x0 + (1 - a).sqrt() * noise
                loss = F.mse_loss(net(xt, t), noise)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                ema.update_parameters(net)
            x = torch.randn(8, 2)
            with torch.no_grad():
                for i in reversed(range(20)):
                    t = torch.full((8,), i)
                    x = (x - betas[i] / (1 - bar[i]).sqrt() * ema(x, t)) / alphas[i].sqrt()
                    if i > 0:
                        x = x + betas[i].sqrt() * torch.randn_like(x)
            return x, f"{loss.item():.4f}"
        """,
        (
            Mistake("a factor that lacks a dimension", "bar[t].unsqueeze(1)", "bar[t]"),
            Mistake(
                "an embedding of half the width",
                "torch.cat([angles.sin(), angles.cos()], dim=-1)",
                "angles.sin()",
            ),
            Mistake("a time that is no batch", "torch.full((8,), i)", "torch.tensor(i)"),
            Mistake("steps that the schedule lacks", "reversed(range(20))", "reversed(range(21))"),
        ),
    ),
    Model(
        "a normalizing flow of coupling layers",
        """
        class Coupling(nn.Module):
            def __init__(self, size, flip):
                super().__init__()
                self.flip = flip
                self.net = nn.Sequential(nn.Linear(size // 2, 16), nn.Tanh(), nn.Linear(16, size))

            def forward(self, x):
                a, b = x.chunk(2, dim=1)
                if self.flip:
                    a, b = b, a
                s, t = self.net(a).chunk(2, dim=1)
                s = torch.tanh(s)
                b = b * s.exp() + t
                return torch.cat([b, a] if self.flip else [a, b], dim=1), s.sum(1)


        @step(outputs=("nll", "z"), random=True)
        def fit():
            X = torch.randn(40, 4) @ torch.randn(4, 4)
            layers = nn.ModuleList([Coupling(4, i % 2 == 1) for i in range(4)])
            base = torch.distributions.MultivariateNormal(torch.zeros(4), torch.eye(4))
            optimizer = torch.optim.Adam(layers.parameters(), lr=1e-2)
            last = None
            for epoch in range(5):
                z, log_det = X, torch.zeros(len(X))
                for layer in layers:
                    z, more = layer(z)
                    log_det = log_det + more
                loss = -(base.log_prob(z) + log_det).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if last is not None and abs(last - loss.item()) < 1e-9:
                    break
                last = loss.item()
            return last, z.detach()
        """,
        (
            Mistake(
                "scales of the whole width",
                "nn.Linear(16, size))",
                "nn.Linear(16, size // 2))",
                "nothing",
                "is wrong",
            ),
            Mistake(
                "a base of another size",
                "MultivariateNormal(torch.zeros(4), torch.eye(4))",
                "MultivariateNormal(torch.zeros(2), torch.eye(2))",
            ),
            Mistake("a determinant of the whole batch", "s.sum(1)\n", "s\n"),
            Mistake("halves of the rows", "a, b = x.chunk(2, dim=1)", "a, b = x.chunk(2, dim=0)"),
        ),
    ),
    Model(
        "an energy model with Langevin steps and a buffer",
        """
        def langevin(energy, x, steps=5, size=0.1):
            for p in energy.parameters():
                p.requires_grad_(False)
            for _ in range(steps):
                x.requires_grad_(True)
                (gradient,) = torch.autograd.grad(energy(x).sum(), x)
                x = (x - size * gradient + 0.01 * torch.randn_like(x)).detach()
            for p in energy.parameters():
                p.requires_grad_(True)
            return x


        @step(outputs=("negative", "gap"), random=True)
        def train():
            data = torch.randn(60, 3)
            energy = nn.Sequential(nn.Linear(3, 16), nn.Softplus(), nn.Linear(16, 1))
            optimizer = torch.optim.Adam(energy.parameters(), lr=1e-3)
            buffer = torch.rand(30, 3) * 2 - 1
            for batch in data.split(20):
                rows = torch.randint(0, 30, (20,))
                start = torch.where(torch.rand(20, 1) < 0.05, torch.rand(20, 3), buffer[rows])
                negative = langevin(energy, start)
                buffer[rows] = negative
                high, low = energy(negative), energy(batch)
                loss = low.mean() - high.mean() + 0.1 * (low**2 + high**2).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return negative, (high.mean() - low.mean()).item()
        """,
        (
            Mistake("a gradient of many numbers", "energy(x).sum(), x", "energy(x), x"),
            Mistake(
                "a buffer of other columns",
                "torch.rand(30, 3) * 2 - 1",
                "torch.rand(30, 2) * 2 - 1",
            ),
            Mistake(
                "rows of the wrong number",
                "rows = torch.randint(0, 30, (20,))",
                "rows = torch.randint(0, 30, (15,))",
            ),
            Mistake(
                "samples that need no gradient",
                "x.requires_grad_(True)",
                "x.requires_grad_(False)",
            ),
        ),
    ),
)
