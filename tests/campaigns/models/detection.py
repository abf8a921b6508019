"""Models that find parts of images."""

from __future__ import annotations

from tests.campaigns.models.model import Mistake, Model

MODELS = (
    Model(
        "a U-Net for masks, with a Dice loss",
        """
        def double(inside, outside):
            return nn.Sequential(
                nn.Conv2d(inside, outside, 3, padding=1), nn.GroupNorm(2, outside), nn.SiLU(),
            )


        class UNet(nn.Module):
            def __init__(self):
                super().__init__()
                self.down1, self.down2 = double(3, 8), double(8, 16)
                self.middle = double(16, 32)
                self.up2 = nn.ConvTranspose2d(32, 16, 2, stride=2)
                self.conv2 = double(32, 16)
                self.up1 = nn.ConvTranspose2d(16, 8, 2, stride=2)
                self.conv1 = double(16, 8)
                self.head = nn.Conv2d(8, 1, 1)

            def forward(self, x):
                a = self.down1(x)
                b = self.down2(F.max_pool2d(a, 2))
                c = self.middle(F.max_pool2d(b, 2))
                b = self.conv2(torch.cat([self.up2(c), b], dim=1))
                a = self.conv1(torch.cat([self.up1(b), a], dim=1))
                return self.head(a)


        def dice(logits, mask, eps=1e-6):
            p = torch.sigmoid(logits)
            overlap = (p * mask).sum(dim=(1, 2, 3))
            return 1 - ((2 * overlap + eps) / (p.sum((1, 2, 3)) + mask.sum((1, 2, 3)) + eps)).mean()


        @step(outputs=("masks", "iou", "best"), random=True)
        def segment():
            x = torch.rand(4, 3, 16, 16)
            y = (x.mean(1, keepdim=True) > 0.5).float()
            net, best, state = UNet(), float("inf"), None
            optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
            for _ in range(3):
                logits = net(x)
                loss = F.binary_cross_entropy_with_logits(logits, y) + dice(logits, y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if loss.item() < best:
                    best, state = loss.item(), copy.deepcopy(net.state_dict())
            net.load_state_dict(state)
            with torch.no_grad():
                guess = net(x).sigmoid() > 0.5
            both = (guess & y.bool()).flatten(1).sum(1)
            either = (guess | y.bool()).flatten(1).sum(1)
            return guess, (both / either.clamp(min=1)).mean().item(), best
        """,
        (
            Mistake(
                "channels of the skip not counted",
                "self.conv2 = double(32, 16)",
                "self.conv2 = double(16, 16)",
            ),
            Mistake(
                "joined along the wrong dimension",
                "torch.cat([self.up1(b), a], dim=1)",
                "torch.cat([self.up1(b), a], dim=2)",
            ),
            Mistake("the mask without its channel", "x.mean(1, keepdim=True)", "x.mean(1)"),
            Mistake("targets of another dtype", "> 0.5).float()", "> 0.5).long()"),
            Mistake(
                "the skip of another level",
                "torch.cat([self.up2(c), b], dim=1)",
                "torch.cat([self.up2(c), a], dim=1)",
            ),
        ),
    ),
    Model(
        "a detection head with anchors",
        """
        def anchors_of(height, width, stride=4, sizes=(4.0, 8.0)):
            ys, xs = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
            centers = (torch.stack([xs, ys], -1).reshape(-1, 1, 2) + 0.5) * stride
            half = torch.tensor(sizes).reshape(1, -1, 1) / 2
            return torch.cat([centers - half, centers + half], dim=-1).reshape(-1, 4)


        def iou(a, b):
            low = torch.maximum(a[:, None, :2], b[None, :, :2])
            high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
            inter = (high - low).clamp(min=0).prod(-1)
            area_a = (a[:, 2:] - a[:, :2]).prod(-1)
            area_b = (b[:, 2:] - b[:, :2]).prod(-1)
            return inter / (area_a[:, None] + area_b[None] - inter)


        @step(outputs=("scores", "boxes", "kept"), random=True)
        def detect():
            image = torch.rand(1, 3, 16, 16)
            truth = torch.tensor([[2.0, 2.0, 9.0, 9.0], [6.0, 7.0, 14.0, 15.0]])
            labels = torch.tensor([0, 2])
            body = nn.Conv2d(3, 16, 3, stride=4, padding=1)
            classify, regress = nn.Conv2d(16, 2 * 3, 1), nn.Conv2d(16, 2 * 4, 1)
            modules = nn.ModuleList([body, classify, regress])
            optimizer = torch.optim.SGD(modules.parameters(), lr=0.01)
            anchors = anchors_of(4, 4)
            for _ in range(3):
                features = torch.relu(body(image))
                scores = classify(features).permute(0, 2, 3, 1).reshape(-1, 3)
                deltas = regress(features).permute(0, 2, 3, 1).reshape(-1, 4)
                overlap, match = iou(anchors, truth).max(dim=1)
                positive = overlap > 0.3
                target = F.one_hot(labels[match], 3).float() * positive[:, None]
                loss = F.binary_cross_entropy_with_logits(scores, target)
                offset = F.smooth_l1_loss(deltas, truth[match] - anchors, reduction="none").sum(1)
                loss = loss + (offset * positive).sum() / positive.sum().clamp(min=1)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            confidence = scores.sigmoid().max(1).values.detach()
            boxes = (anchors + deltas).detach()
            kept = []
            for i in confidence.argsort(descending=True).tolist()[:10]:
                if all(iou(boxes[i : i + 1], boxes[j : j + 1]).item() < 0.5 for j in kept):
                    kept.append(i)
            return confidence, boxes, len(kept)
        """,
        (
            Mistake("anchors of another grid", "anchors_of(4, 4)", "anchors_of(4, 5)"),
            Mistake("one score too few", "nn.Conv2d(16, 2 * 3, 1)", "nn.Conv2d(16, 2 * 2, 1)"),
            Mistake("a mask that lacks a dimension", "* positive[:, None]", "* positive"),
            Mistake(
                "a label out of range", "torch.tensor([0, 2])", "torch.tensor([0, 3])", "nothing"
            ),
            Mistake(
                "boxes not broadcast against each other",
                "torch.maximum(a[:, None, :2], b[None, :, :2])",
                "torch.maximum(a[:, :2], b[:, :2])",
            ),
        ),
    ),
)
