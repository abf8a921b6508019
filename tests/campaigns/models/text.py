"""Models of sequences."""

from __future__ import annotations

from tests.campaigns.models.model import Mistake, Model

MODELS = (
    Model(
        "an LSTM that classifies padded texts of different lengths",
        """
        class Texts(Dataset):
            def __init__(self, count):
                self.texts = [[1 + (i * j) % 19 for j in range(3 + i % 5)] for i in range(count)]

            def __len__(self):
                return len(self.texts)

            def __getitem__(self, i):
                return torch.tensor(self.texts[i]), i % 2


        def collate(batch):
            texts, labels = zip(*batch)
            lengths = torch.tensor([len(text) for text in texts])
            padded = nn.utils.rnn.pad_sequence(texts, batch_first=True, padding_value=0)
            return padded, lengths, torch.tensor(labels)


        class Classifier(nn.Module):
            def __init__(self):
                super().__init__()
                self.embedding = nn.Embedding(20, 8, padding_idx=0)
                self.lstm = nn.LSTM(8, 16, num_layers=2, batch_first=True, bidirectional=True)
                self.out = nn.Linear(2 * 16, 2)

            def forward(self, texts, lengths):
                packed = nn.utils.rnn.pack_padded_sequence(
                    self.embedding(texts), lengths, batch_first=True, enforce_sorted=False
                )
                _, (h, _) = self.lstm(packed)
                return self.out(torch.cat([h[-2], h[-1]], dim=1))


        @step(outputs=("accuracy", "weights"), random=True)
        def classify():
            net = Classifier()
            optimizer = torch.optim.Adam(net.parameters())
            train, valid = torch.utils.data.random_split(Texts(20), [16, 4])
            for texts, lengths, labels in DataLoader(train, 4, shuffle=True, collate_fn=collate):
                loss = F.cross_entropy(net(texts, lengths), labels)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 0.5)
                optimizer.step()
            net.eval()
            hits = 0
            with torch.no_grad():
                for texts, lengths, labels in DataLoader(valid, 2, collate_fn=collate):
                    hits += (net(texts, lengths).argmax(-1) == labels).sum().item()
            return hits / len(valid), net.out.weight.detach()
        """,
        (
            Mistake("one direction forgotten", "nn.Linear(2 * 16, 2)", "nn.Linear(16, 2)"),
            Mistake(
                "a token that the embedding lacks",
                "nn.Embedding(20, 8, padding_idx=0)",
                "nn.Embedding(16, 8, padding_idx=0)",
                "nothing",
            ),
            Mistake(
                "labels of another dtype",
                "torch.tensor(labels)",
                "torch.tensor(labels, dtype=torch.float32)",
            ),
            Mistake(
                "not padded",
                "padded = nn.utils.rnn.pad_sequence(texts, batch_first=True, padding_value=0)",
                "padded = torch.stack(texts)",
            ),
            Mistake("the width of another embedding", "nn.LSTM(8, 16", "nn.LSTM(16, 16"),
        ),
    ),
    Model(
        "a GRU from sequence to sequence, with attention and teacher forcing",
        """
        class Encoder(nn.Module):
            def __init__(self):
                super().__init__()
                self.embedding, self.gru = nn.Embedding(12, 8), nn.GRU(8, 16, batch_first=True)

            def forward(self, source):
                return self.gru(self.embedding(source))


        class Decoder(nn.Module):
            def __init__(self):
                super().__init__()
                self.embedding = nn.Embedding(12, 8)
                self.cell = nn.GRUCell(8 + 16, 16)
                self.out = nn.Linear(16, 12)

            def forward(self, token, state, memory):
                score = torch.bmm(memory, state.unsqueeze(2)).squeeze(2)
                context = torch.bmm(score.softmax(1).unsqueeze(1), memory).squeeze(1)
                state = self.cell(torch.cat([self.embedding(token), context], dim=1), state)
                return self.out(state), state


        @step(outputs=("source", "target"), random=True)
        def pairs():
            source = torch.randint(1, 12, (10, 6))
            return source, source.flip(1)


        @step(outputs=("translated", "loss"), random=True)
        def translate(source, target):
            encoder, decoder = Encoder(), Decoder()
            optimizers = [torch.optim.Adam(m.parameters(), 1e-2) for m in (encoder, decoder)]
            for _ in range(2):
                memory, hidden = encoder(source)
                state, loss = hidden[-1], 0
                token = torch.zeros(len(source), dtype=torch.long)
                for t in range(target.shape[1]):
                    logits, state = decoder(token, state, memory)
                    loss += F.cross_entropy(logits, target[:, t])
                    token = target[:, t] if random.random() < 0.5 else logits.argmax(1)
                for optimizer in optimizers:
                    optimizer.zero_grad()
                loss.backward()
                for optimizer in optimizers:
                    optimizer.step()
            words = []
            with torch.no_grad():
                memory, hidden = encoder(source[:1])
                token, state = torch.zeros(1, dtype=torch.long), hidden[-1]
                while len(words) < 8:
                    logits, state = decoder(token, state, memory)
                    token = logits.argmax(-1)
                    if token.item() == 0:
                        break
                    words.append(token.item())
            return words, float(loss)
        """,
        (
            Mistake("the context not counted", "nn.GRUCell(8 + 16, 16)", "nn.GRUCell(8, 16)"),
            Mistake(
                "a product that lacks a dimension",
                "torch.bmm(memory, state.unsqueeze(2)).squeeze(2)",
                "torch.bmm(memory, state).squeeze(2)",
            ),
            Mistake(
                "the whole target at each moment",
                "F.cross_entropy(logits, target[:, t])",
                "F.cross_entropy(logits, target)",
            ),
            Mistake("rows in place of moments", "range(target.shape[1])", "range(target.shape[0])"),
            Mistake(
                "tokens of floats",
                "token = torch.zeros(len(source), dtype=torch.long)",
                "token = torch.zeros(len(source))",
            ),
        ),
    ),
    Model(
        "a bag of embeddings for news",
        """
        @step(outputs=("text", "offsets", "labels"), random=True)
        def news():
            lengths = [4, 2, 5, 3, 6, 2]
            offsets = torch.tensor([0] + lengths[:-1]).cumsum(0)
            return torch.randint(0, 50, (sum(lengths),)), offsets, torch.tensor([0, 1, 2, 3, 1, 2])


        @step(outputs=("guess", "report"), random=True)
        def classify(text, offsets, labels):
            bag, out = nn.EmbeddingBag(50, 12, mode="mean"), nn.Linear(12, 4)
            optimizer = torch.optim.SGD([*bag.parameters(), *out.parameters()], lr=4.0)
            scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
            for _ in range(4):
                loss = F.nll_loss(F.log_softmax(out(bag(text, offsets)), dim=1), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step(loss)
            guess = out(bag(text, offsets)).argmax(1)
            report = {}
            for k in range(4):
                hit = ((guess == k) & (labels == k)).sum().item()
                report[f"class {k}"] = hit / max((labels == k).sum().item(), 1)
            return guess, report
        """,
        (
            Mistake(
                "offsets of floats",
                "torch.tensor([0] + lengths[:-1]).cumsum(0)",
                "torch.tensor([0.0] + lengths[:-1]).cumsum(0)",
            ),
            Mistake(
                "one offset too many",
                "torch.tensor([0] + lengths[:-1])",
                "torch.tensor([0] + lengths)",
            ),
            Mistake("the width of another layer", "nn.Linear(12, 4)", "nn.Linear(50, 4)"),
            Mistake(
                "a label that has no score",
                "torch.tensor([0, 1, 2, 3, 1, 2])",
                "torch.tensor([0, 1, 2, 4, 1, 2])",
            ),
        ),
    ),
    Model(
        "an RNN of characters that writes names",
        """
        NAMES = ["anna", "bob", "clara", "dora", "emil"]
        LETTERS = "." + "".join(sorted(set("".join(NAMES))))
        PLACE = {letter: place for place, letter in enumerate(LETTERS)}


        class RNN(nn.Module):
            def __init__(self, size):
                super().__init__()
                self.size = size
                self.i2h = nn.Linear(len(LETTERS) + size, size)
                self.i2o = nn.Linear(len(LETTERS) + size, len(LETTERS))

            def forward(self, letter, hidden):
                both = torch.cat((letter, hidden), 1)
                return self.i2o(both).log_softmax(1), torch.tanh(self.i2h(both))


        def coded(letter):
            return F.one_hot(torch.tensor([PLACE[letter]]), len(LETTERS)).float()


        @step(outputs=("name", "losses", "rnn"), random=True)
        def write_names():
            rnn = RNN(16)
            losses = []
            for name in NAMES:
                hidden, loss = torch.zeros(1, 16), 0.0
                for now, following in zip("." + name, name + "."):
                    output, hidden = rnn(coded(now), hidden)
                    loss = loss + F.nll_loss(output, torch.tensor([PLACE[following]]))
                rnn.zero_grad()
                loss.backward()
                for p in rnn.parameters():
                    p.data.add_(p.grad, alpha=-0.05)
                losses.append(loss.item() / len(name))
            letter, hidden, written = ".", torch.zeros(1, 16), ""
            with torch.no_grad():
                for _ in range(10):
                    output, hidden = rnn(coded(letter), hidden)
                    letter = LETTERS[torch.multinomial(output.exp(), 1).item()]
                    if letter == ".":
                        break
                    written += letter
            return written, sum(losses) / len(losses), rnn.i2o.weight.detach()
        """,
        (
            Mistake(
                "a target that is no batch",
                "torch.tensor([PLACE[following]])",
                "torch.tensor(PLACE[following])",
            ),
            Mistake(
                "a hidden state of another width",
                "hidden, loss = torch.zeros(1, 16), 0.0",
                "hidden, loss = torch.zeros(1, 8), 0.0",
            ),
            Mistake(
                "a code for too few letters",
                "torch.tensor([PLACE[letter]]), len(LETTERS))",
                "torch.tensor([PLACE[letter]]), 5)",
            ),
            Mistake(
                "the state joined along the rows",
                "torch.cat((letter, hidden), 1)",
                "torch.cat((letter, hidden), 0)",
            ),
        ),
    ),
)
