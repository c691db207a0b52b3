#include "shared_domains.h"

#include <stddef.h>
#include <string.h>

/* A bucket, a balancer, an application: somebody's name, two labels or more below these. */
static const char *const shared[] = {"aliyuncs.com", "amazonaws.com", "appdomain.cloud",
	"appspot.com", "azure.com", "azurestaticapps.net", "azurewebsites.net",
	"backblazeb2.com", "bcebos.com", "cloudflarestorage.com", "digitaloceanspaces.com",
	"elasticbeanstalk.com", "fastly.net", "firebasedatabase.app", "github.dev",
	"googleapis.com", "googleusercontent.com", "linodeobjects.com", "myhuaweicloud.com",
	"myqcloud.com", "on.aws", "openshiftapps.com", "oraclecloud.com", "railway.app",
	"replit.dev", "run.app", "scw.cloud", "vercel-storage.com", "vultrobjects.com",
	"wasabisys.com", "windows.net", "yandexcloud.net", "your-objectstorage.com"};

static bool is_within(const char *domain, const char *other)
{
	const size_t size = strlen(domain), least = strlen(other);

	return size >= least && strcmp(domain + size - least, other) == 0 &&
	       (size == least || domain[size - least - 1] == '.');
}

bool shared_domains_one_owner(const char *domain)
{
	const char *last = strrchr(domain, '.');
	size_t labels = 1;

	for (const char *c = domain; *c; c++)
		labels += *c == '.';
	if (!last || labels < (strlen(last + 1) == 2 ? 4 : 3))
		return false;
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		if (is_within(domain, shared[i]))
			return false;
	return true;
}
