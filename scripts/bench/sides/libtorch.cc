// libtorch's side, eager C++ (the protocol is in tstorch.ts; the case comes as plain arguments: task, cell, hidden,
// length, batch, layers, bidirectional, warm-up).
#include <sys/resource.h>
#include <torch/torch.h>

#include <chrono>
#include <functional>
#include <iostream>
#include <string>

namespace nn = torch::nn;
using Step = std::function<void()>;

struct Case {
  std::string task, cell;
  int64_t hidden, length, batch, layers;
  bool bidirectional;
};

Step sine() {
  nn::RNN rnn(nn::RNNOptions(1, 10).batch_first(true));
  nn::Linear linear(10, 1);
  std::vector<torch::Tensor> params = rnn->parameters();
  for (auto& p : linear->parameters()) params.push_back(p);
  auto optimizer = std::make_shared<torch::optim::Adam>(params, torch::optim::AdamOptions(1e-3));
  auto x = torch::randn({1, 19, 1}), y = torch::randn({1, 19, 1}), h_0 = torch::zeros({1, 1, 10});
  return [=]() mutable {
    auto out = std::get<0>(rnn->forward(x, h_0));
    auto loss = nn::functional::mse_loss(linear->forward(out.view({-1, 10})).unsqueeze(0), y);
    optimizer->zero_grad();
    loss.backward();
    optimizer->step();
  };
}

template <typename Layer, typename Options>
Step character(const Case& c) {
  Layer rnn(Options(28, c.hidden).num_layers(c.layers).bidirectional(c.bidirectional));
  const int64_t width = c.hidden * (c.bidirectional ? 2 : 1);
  nn::Linear linear(width, 28);
  std::vector<torch::Tensor> params = rnn->parameters();
  for (auto& p : linear->parameters()) params.push_back(p);
  auto optimizer = std::make_shared<torch::optim::SGD>(params, torch::optim::SGDOptions(1));
  auto x = torch::randint(0, 28, {c.batch, c.length}, torch::kLong);
  auto y = torch::randint(0, 28, {c.length * c.batch}, torch::kLong);
  return [=]() mutable {
    auto out = std::get<0>(rnn->forward(torch::one_hot(x.t(), 28).to(torch::kFloat)));
    auto loss = nn::functional::cross_entropy(linear->forward(out.reshape({-1, width})), y);
    optimizer->zero_grad();
    loss.backward();
    nn::utils::clip_grad_norm_(params, 1.0);
    optimizer->step();
    loss.template item<float>();
  };
}

Step scratch(const Case& c) {
  auto normal = [](at::IntArrayRef size) { return torch::randn(size).mul(0.01); };
  std::vector<torch::Tensor> p{normal({28, c.hidden}), normal({c.hidden, c.hidden}), normal({c.hidden, 28}),
                               torch::zeros({c.hidden}), torch::zeros({c.hidden}), torch::zeros({28})};
  for (auto& param : p) param.requires_grad_(true);
  auto x = torch::randint(0, 28, {c.batch, c.length}, torch::kLong);
  auto y = torch::randint(0, 28, {c.length * c.batch}, torch::kLong);
  return [=]() mutable {
    auto h = torch::zeros({c.batch, c.hidden});
    std::vector<torch::Tensor> outputs;
    for (const auto& x_t : torch::one_hot(x.t(), 28).to(torch::kFloat).unbind(0)) {
      h = torch::tanh(x_t.mm(p[0]) + p[3] + h.mm(p[1]) + p[4]);
      outputs.push_back(h.mm(p[2]) + p[5]);
    }
    auto loss = nn::functional::cross_entropy(torch::cat(outputs), y);
    loss.backward();
    torch::NoGradGuard no_grad;
    auto norm = torch::zeros({});
    for (auto& param : p) norm = norm + param.grad().pow(2).sum();
    norm = norm.sqrt();
    const bool clip = norm.item<float>() > 1;
    for (auto& param : p) {
      auto grad = param.grad();
      if (clip) grad.mul_(norm.reciprocal());
      param.sub_(grad);
      grad.zero_();
    }
    loss.item<float>();
  };
}

Step inference(const Case& c) {
  nn::LSTM rnn(nn::LSTMOptions(28, c.hidden));
  auto x = torch::randn({1, c.batch, 28});
  auto state = std::make_tuple(torch::zeros({1, c.batch, c.hidden}), torch::zeros({1, c.batch, c.hidden}));
  return [=]() mutable {
    torch::NoGradGuard no_grad;
    state = std::get<1>(rnn->forward(x, state));
  };
}

int main(int count, char** argument) {
  if (count != 9) return 1;
  const Case c{argument[1], argument[2], std::stol(argument[3]), std::stol(argument[4]), std::stol(argument[5]),
               std::stol(argument[6]), std::string(argument[7]) == "true"};
  Step step;
  if (c.task == "sine") step = sine();
  if (c.task == "scratch") step = scratch(c);
  if (c.task == "inference") step = inference(c);
  if (c.task == "character" && c.cell == "rnn") step = character<nn::RNN, nn::RNNOptions>(c);
  if (c.task == "character" && c.cell == "lstm") step = character<nn::LSTM, nn::LSTMOptions>(c);
  if (c.task == "character" && c.cell == "gru") step = character<nn::GRU, nn::GRUOptions>(c);
  if (!step) {
    auto a = torch::randn({4, 4}), b = torch::randn({4, 4});
    step = [=] { a.add(b); };
  }
  for (int64_t i = std::stol(argument[8]); i > 0; --i) step();
  std::cout << R"({"version": "libtorch )" << TORCH_VERSION << R"(", "threads": )" << torch::get_num_threads() << "}"
            << std::endl;
  for (int64_t steps = 0; std::cin >> steps;) {
    const auto started = std::chrono::steady_clock::now();
    for (int64_t i = 0; i < steps; ++i) step();
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - started;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::cout << R"({"us": )" << took.count() / static_cast<double>(steps) << R"(, "peak_mb": )"
              << static_cast<double>(usage.ru_maxrss) / 1024 << "}" << std::endl;
  }
}
