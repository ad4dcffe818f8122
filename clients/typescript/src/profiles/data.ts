/** Generated from crates/profiles/profiles.json by scripts/profiles.mjs: change it there. */

export const PROFILES = {
  "anthropic": {
    "limits": [
      {
        "limit": "requests",
        "names": [
          "requests",
          "rpm"
        ],
        "remaining": "anthropic-ratelimit-requests-remaining",
        "reset": {
          "header": "anthropic-ratelimit-requests-reset",
          "form": "rfc3339"
        },
        "of": "anthropic-ratelimit-requests-limit",
        "source": "https://platform.claude.com/docs/en/api/rate-limits",
        "checked": true
      },
      {
        "limit": "tokens",
        "names": [
          "tokens",
          "tpm"
        ],
        "remaining": "anthropic-ratelimit-tokens-remaining",
        "reset": {
          "header": "anthropic-ratelimit-tokens-reset",
          "form": "rfc3339"
        },
        "of": "anthropic-ratelimit-tokens-limit",
        "source": "https://platform.claude.com/docs/en/api/rate-limits",
        "checked": true
      },
      {
        "limit": "input-tokens",
        "names": [
          "input-tokens",
          "input",
          "itpm"
        ],
        "remaining": "anthropic-ratelimit-input-tokens-remaining",
        "reset": {
          "header": "anthropic-ratelimit-input-tokens-reset",
          "form": "rfc3339"
        },
        "of": "anthropic-ratelimit-input-tokens-limit",
        "source": "https://platform.claude.com/docs/en/api/rate-limits",
        "checked": true
      },
      {
        "limit": "output-tokens",
        "names": [
          "output-tokens",
          "output",
          "otpm"
        ],
        "remaining": "anthropic-ratelimit-output-tokens-remaining",
        "reset": {
          "header": "anthropic-ratelimit-output-tokens-reset",
          "form": "rfc3339"
        },
        "of": "anthropic-ratelimit-output-tokens-limit",
        "source": "https://platform.claude.com/docs/en/api/rate-limits",
        "checked": true
      }
    ],
    "retry": [
      {
        "header": "retry-after",
        "form": "seconds-or-date",
        "source": "https://platform.claude.com/docs/en/api/rate-limits",
        "checked": true
      }
    ],
    "refused": {
      "statuses": [
        429,
        529
      ],
      "counts": false,
      "source": "https://platform.claude.com/docs/en/api/rate-limits",
      "checked": false,
      "note": "529 is overload of the provider. Whether a refused request counts is not documented."
    },
    "usage": {
      "body": {
        "input-tokens": [
          "usage.input_tokens"
        ],
        "output-tokens": [
          "usage.output_tokens"
        ]
      },
      "add": {
        "input-tokens": [
          "usage.cache_creation_input_tokens"
        ]
      },
      "excluded": [
        "usage.cache_read_input_tokens"
      ],
      "stream": [
        {
          "event": "message_start",
          "input-tokens": [
            "message.usage.input_tokens"
          ],
          "add": {
            "input-tokens": [
              "message.usage.cache_creation_input_tokens"
            ]
          }
        },
        {
          "event": "message_delta",
          "output-tokens": [
            "usage.output_tokens"
          ]
        }
      ],
      "note": "Cache reads do not count for current models; older ones that count them are named in the source.",
      "source": "https://platform.claude.com/docs/en/api/rate-limits",
      "checked": true
    },
    "output": {
      "charged": "produced",
      "source": "https://platform.claude.com/docs/en/api/rate-limits",
      "checked": false
    }
  },
  "openai": {
    "limits": [
      {
        "limit": "requests",
        "names": [
          "requests",
          "rpm"
        ],
        "remaining": "x-ratelimit-remaining-requests",
        "reset": {
          "header": "x-ratelimit-reset-requests",
          "form": "go-duration"
        },
        "of": "x-ratelimit-limit-requests",
        "source": "https://platform.openai.com/docs/guides/rate-limits",
        "checked": true
      },
      {
        "limit": "tokens",
        "names": [
          "tokens",
          "tpm"
        ],
        "remaining": "x-ratelimit-remaining-tokens",
        "reset": {
          "header": "x-ratelimit-reset-tokens",
          "form": "go-duration"
        },
        "of": "x-ratelimit-limit-tokens",
        "source": "https://platform.openai.com/docs/guides/rate-limits",
        "checked": true
      }
    ],
    "retry": [
      {
        "header": "retry-after-ms",
        "form": "milliseconds",
        "source": "https://github.com/openai/openai-python/blob/main/src/openai/_base_client.py",
        "checked": false
      },
      {
        "header": "retry-after",
        "form": "seconds-or-date",
        "source": "https://platform.openai.com/docs/guides/rate-limits",
        "checked": false
      }
    ],
    "refused": {
      "statuses": [
        429,
        503
      ],
      "counts": true,
      "source": "https://platform.openai.com/docs/guides/rate-limits",
      "checked": false
    },
    "usage": {
      "body": {
        "input-tokens": [
          "usage.prompt_tokens",
          "usage.input_tokens"
        ],
        "output-tokens": [
          "usage.completion_tokens",
          "usage.output_tokens"
        ],
        "tokens": [
          "usage.total_tokens"
        ]
      },
      "stream": [
        {
          "event": null,
          "input-tokens": [
            "usage.prompt_tokens"
          ],
          "output-tokens": [
            "usage.completion_tokens"
          ],
          "tokens": [
            "usage.total_tokens"
          ]
        },
        {
          "event": "response.completed",
          "input-tokens": [
            "response.usage.input_tokens"
          ],
          "output-tokens": [
            "response.usage.output_tokens"
          ],
          "tokens": [
            "response.usage.total_tokens"
          ]
        }
      ],
      "note": "Chat completions stream it only with stream_options.include_usage. Of several paths the first that is there counts.",
      "source": "https://platform.openai.com/docs/api-reference/chat/object",
      "checked": false
    },
    "output": {
      "charged": "larger of max_tokens and an estimate",
      "source": "https://platform.openai.com/docs/guides/rate-limits",
      "checked": false
    }
  },
  "azure": {
    "limits": [
      {
        "limit": "requests",
        "names": [
          "requests",
          "rpm"
        ],
        "remaining": "x-ratelimit-remaining-requests",
        "reset": {
          "header": "x-ratelimit-reset-requests",
          "form": "seconds"
        },
        "of": "x-ratelimit-limit-requests",
        "source": "https://learn.microsoft.com/en-us/answers/questions/5625878/azure-openai-responses-api-x-ratelimit-headers-val",
        "checked": false
      },
      {
        "limit": "tokens",
        "names": [
          "tokens",
          "tpm"
        ],
        "remaining": "x-ratelimit-remaining-tokens",
        "reset": {
          "header": "x-ratelimit-reset-tokens",
          "form": "seconds"
        },
        "of": "x-ratelimit-limit-tokens",
        "source": "https://learn.microsoft.com/en-us/answers/questions/5625878/azure-openai-responses-api-x-ratelimit-headers-val",
        "checked": true,
        "note": "Some deployments answer -1, which means that it is not known."
      }
    ],
    "retry": [
      {
        "header": "retry-after-ms",
        "form": "milliseconds",
        "source": "https://www.developersdigest.tech/errors/api/azure-openai/429-rate-limit-exceeded",
        "checked": true
      },
      {
        "header": "retry-after",
        "form": "seconds-or-date",
        "source": "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/how-to/quota",
        "checked": false
      }
    ],
    "refused": {
      "statuses": [
        429,
        503
      ],
      "counts": null,
      "source": "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/how-to/quota",
      "checked": false
    },
    "usage": {
      "body": {
        "input-tokens": [
          "usage.prompt_tokens",
          "usage.input_tokens"
        ],
        "output-tokens": [
          "usage.completion_tokens",
          "usage.output_tokens"
        ],
        "tokens": [
          "usage.total_tokens"
        ]
      },
      "stream": [
        {
          "event": null,
          "input-tokens": [
            "usage.prompt_tokens"
          ],
          "output-tokens": [
            "usage.completion_tokens"
          ],
          "tokens": [
            "usage.total_tokens"
          ]
        },
        {
          "event": "response.completed",
          "input-tokens": [
            "response.usage.input_tokens"
          ],
          "output-tokens": [
            "response.usage.output_tokens"
          ],
          "tokens": [
            "response.usage.total_tokens"
          ]
        }
      ],
      "note": "Chat completions stream it only with stream_options.include_usage. Of several paths the first that is there counts.",
      "source": "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/reference",
      "checked": false
    },
    "output": {
      "charged": "max_tokens as estimated when the request comes",
      "source": "https://learn.microsoft.com/en-us/microsoft-cloud/dev/dev-proxy/concepts/azure-openai-429-token-rate-limit",
      "checked": true
    }
  },
  "gemini": {
    "limits": [],
    "retry": [
      {
        "header": "retry-after",
        "form": "seconds-or-date",
        "source": "https://www.rfc-editor.org/rfc/rfc9110#name-retry-after",
        "checked": false
      }
    ],
    "retry_body": {
      "type": "type.googleapis.com/google.rpc.RetryInfo",
      "list": "error.details",
      "path": "retryDelay",
      "form": "go-duration",
      "source": "https://ai.google.dev/gemini-api/docs/rate-limits",
      "checked": false
    },
    "refused": {
      "statuses": [
        429,
        503
      ],
      "counts": null,
      "source": "https://docs.llmgateway.io/troubleshooting/gemini-429-resource-exhausted",
      "checked": true
    },
    "usage": {
      "body": {
        "input-tokens": [
          "usageMetadata.promptTokenCount"
        ],
        "output-tokens": [
          "usageMetadata.candidatesTokenCount"
        ],
        "tokens": [
          "usageMetadata.totalTokenCount"
        ]
      },
      "add": {
        "output-tokens": [
          "usageMetadata.thoughtsTokenCount"
        ]
      },
      "stream": [
        {
          "event": null,
          "input-tokens": [
            "usageMetadata.promptTokenCount"
          ],
          "output-tokens": [
            "usageMetadata.candidatesTokenCount"
          ],
          "tokens": [
            "usageMetadata.totalTokenCount"
          ],
          "add": {
            "output-tokens": [
              "usageMetadata.thoughtsTokenCount"
            ]
          }
        }
      ],
      "source": "https://ai.google.dev/api/generate-content#UsageMetadata",
      "checked": false
    },
    "output": {
      "charged": null,
      "source": "https://ai.google.dev/gemini-api/docs/rate-limits",
      "checked": false
    }
  },
  "mistral": {
    "limits": [
      {
        "limit": "requests",
        "names": [
          "requests",
          "rpm"
        ],
        "remaining": "x-ratelimit-remaining-req-minute",
        "of": "x-ratelimit-limit-req-minute",
        "source": "https://github.com/mistralai/client-ts/issues/169",
        "checked": true
      },
      {
        "limit": "tokens",
        "names": [
          "tokens",
          "tpm"
        ],
        "remaining": "x-ratelimit-remaining-tokens-minute",
        "of": "x-ratelimit-limit-tokens-minute",
        "source": "https://github.com/mistralai/client-ts/issues/169",
        "checked": true
      }
    ],
    "retry": [
      {
        "header": "retry-after",
        "form": "seconds-or-date",
        "source": "https://www.rfc-editor.org/rfc/rfc9110#name-retry-after",
        "checked": false
      }
    ],
    "refused": {
      "statuses": [
        429,
        503
      ],
      "counts": null,
      "source": "https://github.com/mistralai/client-ts/issues/169",
      "checked": false
    },
    "usage": {
      "body": {
        "input-tokens": [
          "usage.prompt_tokens",
          "usage.input_tokens"
        ],
        "output-tokens": [
          "usage.completion_tokens",
          "usage.output_tokens"
        ],
        "tokens": [
          "usage.total_tokens"
        ]
      },
      "stream": [
        {
          "event": null,
          "input-tokens": [
            "usage.prompt_tokens"
          ],
          "output-tokens": [
            "usage.completion_tokens"
          ],
          "tokens": [
            "usage.total_tokens"
          ]
        },
        {
          "event": "response.completed",
          "input-tokens": [
            "response.usage.input_tokens"
          ],
          "output-tokens": [
            "response.usage.output_tokens"
          ],
          "tokens": [
            "response.usage.total_tokens"
          ]
        }
      ],
      "note": "Chat completions stream it only with stream_options.include_usage. Of several paths the first that is there counts.",
      "source": "https://docs.mistral.ai/api/",
      "checked": false
    },
    "output": {
      "charged": null,
      "source": "https://docs.mistral.ai/deployment/laplateforme/tier/",
      "checked": false
    }
  },
  "groq": {
    "limits": [
      {
        "limit": "requests-per-day",
        "names": [
          "requests-per-day",
          "rpd"
        ],
        "remaining": "x-ratelimit-remaining-requests",
        "reset": {
          "header": "x-ratelimit-reset-requests",
          "form": "go-duration"
        },
        "of": "x-ratelimit-limit-requests",
        "source": "https://console.groq.com/docs/rate-limits",
        "checked": true,
        "note": "Always requests per day."
      },
      {
        "limit": "tokens",
        "names": [
          "tokens",
          "tpm"
        ],
        "remaining": "x-ratelimit-remaining-tokens",
        "reset": {
          "header": "x-ratelimit-reset-tokens",
          "form": "go-duration"
        },
        "of": "x-ratelimit-limit-tokens",
        "source": "https://console.groq.com/docs/rate-limits",
        "checked": true,
        "note": "Always tokens per minute."
      }
    ],
    "retry": [
      {
        "header": "retry-after",
        "form": "seconds-or-date",
        "source": "https://console.groq.com/docs/rate-limits",
        "checked": true
      }
    ],
    "refused": {
      "statuses": [
        429,
        503
      ],
      "counts": null,
      "source": "https://console.groq.com/docs/rate-limits",
      "checked": false
    },
    "usage": {
      "body": {
        "input-tokens": [
          "usage.prompt_tokens",
          "usage.input_tokens"
        ],
        "output-tokens": [
          "usage.completion_tokens",
          "usage.output_tokens"
        ],
        "tokens": [
          "usage.total_tokens"
        ]
      },
      "stream": [
        {
          "event": null,
          "input-tokens": [
            "usage.prompt_tokens"
          ],
          "output-tokens": [
            "usage.completion_tokens"
          ],
          "tokens": [
            "usage.total_tokens"
          ]
        },
        {
          "event": "response.completed",
          "input-tokens": [
            "response.usage.input_tokens"
          ],
          "output-tokens": [
            "response.usage.output_tokens"
          ],
          "tokens": [
            "response.usage.total_tokens"
          ]
        }
      ],
      "note": "Chat completions stream it only with stream_options.include_usage. Of several paths the first that is there counts.",
      "excluded": [
        "usage.prompt_tokens_details.cached_tokens"
      ],
      "source": "https://console.groq.com/docs/rate-limits",
      "checked": false
    },
    "output": {
      "charged": null,
      "source": "https://console.groq.com/docs/rate-limits",
      "checked": false
    }
  },
  "openrouter": {
    "limits": [
      {
        "limit": "requests",
        "names": [
          "requests",
          "rpm"
        ],
        "remaining": "x-ratelimit-remaining",
        "reset": {
          "header": "x-ratelimit-reset",
          "form": "unix"
        },
        "of": "x-ratelimit-limit",
        "source": "https://openrouter.ai/docs/api-reference/limits",
        "checked": false,
        "note": "Only on a refusal. The reset was seen in ms."
      }
    ],
    "retry": [
      {
        "header": "retry-after",
        "form": "seconds-or-date",
        "source": "https://www.developersdigest.tech/errors/api/openrouter/429-rate-limit-exceeded",
        "checked": true
      }
    ],
    "refused": {
      "statuses": [
        429,
        503
      ],
      "counts": null,
      "source": "https://openrouter.ai/docs/api-reference/limits",
      "checked": false
    },
    "usage": {
      "body": {
        "input-tokens": [
          "usage.prompt_tokens",
          "usage.input_tokens"
        ],
        "output-tokens": [
          "usage.completion_tokens",
          "usage.output_tokens"
        ],
        "tokens": [
          "usage.total_tokens"
        ]
      },
      "stream": [
        {
          "event": null,
          "input-tokens": [
            "usage.prompt_tokens"
          ],
          "output-tokens": [
            "usage.completion_tokens"
          ],
          "tokens": [
            "usage.total_tokens"
          ]
        },
        {
          "event": "response.completed",
          "input-tokens": [
            "response.usage.input_tokens"
          ],
          "output-tokens": [
            "response.usage.output_tokens"
          ],
          "tokens": [
            "response.usage.total_tokens"
          ]
        }
      ],
      "note": "Chat completions stream it only with stream_options.include_usage. Of several paths the first that is there counts.",
      "source": "https://openrouter.ai/docs/use-cases/usage-accounting",
      "checked": false
    },
    "output": {
      "charged": null,
      "source": "https://openrouter.ai/docs/api-reference/limits",
      "checked": false
    }
  },
  "bedrock": {
    "limits": [],
    "retry": [
      {
        "header": "retry-after",
        "form": "seconds-or-date",
        "source": "https://www.rfc-editor.org/rfc/rfc9110#name-retry-after",
        "checked": false
      }
    ],
    "refused": {
      "statuses": [
        429,
        503
      ],
      "counts": null,
      "source": "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html",
      "checked": false,
      "note": "ThrottlingException. No header says what remains."
    },
    "usage": {
      "body": {
        "input-tokens": [
          "usage.inputTokens"
        ],
        "output-tokens": [
          "usage.outputTokens"
        ]
      },
      "add": {
        "input-tokens": [
          "usage.cacheWriteInputTokens"
        ]
      },
      "excluded": [
        "usage.cacheReadInputTokens"
      ],
      "stream": [
        {
          "event": "metadata",
          "input-tokens": [
            "usage.inputTokens"
          ],
          "output-tokens": [
            "usage.outputTokens"
          ],
          "add": {
            "input-tokens": [
              "usage.cacheWriteInputTokens"
            ]
          }
        }
      ],
      "headers": {
        "input-tokens": "x-amzn-bedrock-input-token-count",
        "output-tokens": "x-amzn-bedrock-output-token-count"
      },
      "note": "The body is that of Converse. InvokeModel says it in the headers.",
      "source": "https://github.com/aws/agent-toolkit-for-aws/blob/main/skills/core-skills/amazon-bedrock/references/quota-health.md",
      "checked": false
    },
    "output": {
      "charged": "reserved as max_tokens, then settled",
      "source": "https://github.com/aws/agent-toolkit-for-aws/blob/main/skills/core-skills/amazon-bedrock/references/quota-health.md",
      "checked": true
    }
  },
  "ratelimit": {
    "structured": {
      "header": "ratelimit",
      "source": "https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-10.txt",
      "checked": true,
      "note": "Each item is a limit: \"name\";r=remaining;t=seconds. The name is the limit's own."
    },
    "limits": [
      {
        "limit": "requests",
        "names": [
          "requests",
          "rpm"
        ],
        "remaining": "ratelimit-remaining",
        "reset": {
          "header": "ratelimit-reset",
          "form": "seconds"
        },
        "of": "ratelimit-limit",
        "source": "https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-06",
        "checked": true,
        "note": "Drafts up to 06."
      }
    ],
    "retry": [
      {
        "header": "retry-after",
        "form": "seconds-or-date",
        "source": "https://www.rfc-editor.org/rfc/rfc9110#name-retry-after",
        "checked": true
      }
    ],
    "refused": {
      "statuses": [
        429,
        503
      ],
      "counts": null,
      "source": "https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-10.txt",
      "checked": false
    }
  },
  "x-ratelimit": {
    "limits": [
      {
        "limit": "requests",
        "names": [
          "requests",
          "rpm"
        ],
        "remaining": "x-ratelimit-remaining",
        "reset": {
          "header": "x-ratelimit-reset",
          "form": "unix"
        },
        "of": "x-ratelimit-limit",
        "source": "https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api",
        "checked": true
      }
    ],
    "retry": [
      {
        "header": "retry-after",
        "form": "seconds-or-date",
        "source": "https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api",
        "checked": true
      }
    ],
    "refused": {
      "statuses": [
        403,
        429
      ],
      "counts": null,
      "source": "https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api",
      "checked": true,
      "note": "403 is a refusal only with retry-after, or with nothing left."
    }
  }
} as const
