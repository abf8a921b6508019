"""Reinforcement learning."""

from __future__ import annotations

from tests.campaigns.models.model import Mistake, Model

_WORLD = '''
        class Walk:
            """A walk along a line; the goal is at its right end."""

            def reset(self):
                self.place, self.time = 0.0, 0
                return self.state()

            def state(self):
                return np.array([self.place, self.time / 10, 1.0], dtype=np.float32)

            def step(self, action):
                self.place += 0.5 if action == 1 else -0.5
                self.time += 1
                done = self.time >= 8 or abs(self.place) >= 2
                return self.state(), float(self.place >= 2), done


'''

MODELS = (
    Model(
        "policy gradient with Categorical",
        _WORLD
        + """
        class Policy(nn.Module):
            def __init__(self):
                super().__init__()
                self.net = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 2))

            def forward(self, state):
                return torch.distributions.Categorical(logits=self.net(state))


        @step(outputs=("returns", "weights"), random=True)
        def reinforce():
            world, policy, totals = Walk(), Policy(), []
            optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
            for episode in range(3):
                state, done, logs, rewards = world.reset(), False, [], []
                while not done:
                    choice = policy(torch.from_numpy(state).unsqueeze(0))
                    action = choice.sample()
                    logs.append(choice.log_prob(action))
                    state, reward, done = world.step(action.item())
                    rewards.append(reward)
                G, returns = 0.0, []
                for r in reversed(rewards):
                    G = r + 0.99 * G
                    returns.insert(0, G)
                returns = torch.tensor(returns)
                returns = (returns - returns.mean()) / (returns.std() + 1e-6)
                loss = -(torch.cat(logs) * returns).sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                totals.append(sum(rewards))
            return np.mean(totals).item(), policy.net[0].weight.detach()
        """,
        (
            Mistake("states of another width", "nn.Linear(3, 16)", "nn.Linear(4, 16)"),
            Mistake("a state of doubles", "dtype=np.float32", "dtype=np.float64"),
            Mistake(
                "joined where there is no dimension",
                "choice = policy(torch.from_numpy(state).unsqueeze(0))",
                "choice = policy(torch.from_numpy(state))",
            ),
            Mistake(
                "a device string that is none",
                "torch.from_numpy(state).unsqueeze(0)",
                "torch.from_numpy(state).unsqueeze(0).to('gpu')",
            ),
        ),
    ),
    Model(
        "a DQN with a replay buffer and a target net",
        _WORLD
        + """
        class Replay:
            def __init__(self, size):
                self.items = deque(maxlen=size)

            def push(self, *item):
                self.items.append(item)

            def sample(self, count):
                states, actions, rewards, following, done = zip(*random.sample(self.items, count))
                return (
                    torch.tensor(np.array(states)), torch.tensor(actions), torch.tensor(rewards),
                    torch.tensor(np.array(following)), torch.tensor(done, dtype=torch.float32),
                )


        def net_of(width):
            return nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, 2))


        @step(outputs=("values", "losses"), random=True)
        def learn():
            world, replay = Walk(), Replay(100)
            net, target = net_of(16), net_of(16)
            target.load_state_dict(net.state_dict())
            optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
            losses, epsilon = [], 1.0
            state = world.reset()
            for frame in range(30):
                if random.random() < epsilon:
                    action = random.randrange(2)
                else:
                    with torch.no_grad():
                        action = int(net(torch.tensor(state)[None]).argmax(1))
                following, reward, done = world.step(action)
                replay.push(state, action, reward, following, done)
                state = world.reset() if done else following
                epsilon = max(0.05, epsilon * 0.95)
                if len(replay.items) >= 8:
                    s, a, r, n, d = replay.sample(8)
                    q = net(s).gather(1, a.unsqueeze(1)).squeeze(1)
                    with torch.no_grad():
                        goal = r + 0.9 * (1 - d) * target(n).max(1)[0]
                    loss = F.smooth_l1_loss(q, goal)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    losses.append(loss.item())
                if frame % 10 == 0:
                    target.load_state_dict(net.state_dict())
            return net(torch.eye(3)).detach(), losses
        """,
        (
            Mistake("actions that lack a dimension", "a.unsqueeze(1)).squeeze(1)", "a).squeeze(1)"),
            Mistake(
                "values that keep a dimension",
                ".gather(1, a.unsqueeze(1)).squeeze(1)",
                ".gather(1, a.unsqueeze(1))",
                "warning",
                "is wrong",
            ),
            Mistake(
                "a target net of another size",
                "net, target = net_of(16), net_of(16)",
                "net, target = net_of(16), net_of(8)",
            ),
            Mistake(
                "actions of floats",
                "torch.tensor(actions), torch",
                "torch.tensor(actions).float(), torch",
            ),
            Mistake("the values in place of the maximum", "target(n).max(1)[0]", "target(n)"),
        ),
    ),
    Model(
        "an actor and critic with two heads",
        _WORLD
        + """
        class ActorCritic(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = nn.Linear(3, 16)
                self.actor, self.critic = nn.Linear(16, 2), nn.Linear(16, 1)

            def forward(self, x):
                x = torch.tanh(self.body(x))
                return F.softmax(self.actor(x), dim=-1), self.critic(x)


        @step(outputs=("probabilities", "value", "reward"), random=True)
        def learn():
            world, net, running = Walk(), ActorCritic(), 0.0
            optimizer = torch.optim.Adam(net.parameters(), lr=3e-2)
            for episode in range(3):
                state, saved, rewards = world.reset(), [], []
                for t in range(1, 20):
                    p, v = net(torch.tensor(state))
                    m = torch.distributions.Categorical(p)
                    action = m.sample()
                    saved.append((m.log_prob(action), v, m.entropy()))
                    state, reward, done = world.step(action.item())
                    rewards.append(reward)
                    if done:
                        break
                running = 0.05 * sum(rewards) + 0.95 * running
                R, returns = 0, []
                for r in rewards[::-1]:
                    R = r + 0.99 * R
                    returns.insert(0, R)
                policy, value = [], []
                for (log, v, entropy), R in zip(saved, torch.tensor(returns)):
                    advantage = R - v.item()
                    policy.append(-log * advantage - 0.01 * entropy)
                    value.append(F.smooth_l1_loss(v, R.unsqueeze(0)))
                loss = torch.stack(policy).sum() + torch.stack(value).sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return p.detach(), v.item(), running
        """,
        (
            Mistake("heads of another width", "nn.Linear(16, 1)", "nn.Linear(2, 1)"),
            Mistake(
                "losses of different shapes",
                "-log * advantage - 0.01 * entropy)",
                "-log * advantage - 0.01 * entropy if len(policy) else v)",
            ),
            Mistake("softmax over a dimension that is not there", "dim=-1)", "dim=1)"),
            Mistake("a list in place of a tensor", "torch.stack(policy).sum()", "policy.sum()"),
        ),
    ),
)
