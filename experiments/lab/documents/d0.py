"""The documents' deep nets, by their widths from the first hidden layer on; the inputs come from the dataset."""

# D0's three: P-01, P-03, P-05 count their parameters for MNIST's 784 inputs.
HIDDEN_5 = (128, 64, 32, 16)
HIDDEN_22 = (784, 1024, 1024, 2048, 512, 512, 256, 256, *[128] * 3, *[64] * 3, *[32] * 3, *[16] * 3, 12)
HIDDEN_41 = (784, 1024, 1024, 512, 512, *[256, 512, 1024, 512, 256] * 5, *[64] * 3, *[32] * 3, 16, 16, 12, 12)

HIDDEN_WIDTHS = {5: HIDDEN_5, 22: HIDDEN_22, 41: HIDDEN_41}
"""By the number of linear layers."""

# D1's comparison of depths (C-114), with He et al.'s 20 and 56 layers at a width of 64.
HIDDEN_20 = (64,) * 19
HIDDEN_56 = (64,) * 55
